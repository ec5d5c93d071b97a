"""results.json is the source of all other reports: it keeps its schema, and every view says the same as it does."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from rich.console import Console

from reports.html import html_report
from reports.junit import junit_xml
from reports.openmetrics import openmetrics_text
from reports.reader import is_case, read_case
from reports.results import read_results, to_json
from reports.table import print_table, summary_markdown
from reports.targets import load_targets
from reports.words import complaints
from reports.write import report
from tests.unit import records
from tests.unit.runs import idle_case, outage_case, restoration_case, varied
from tests.unit.views import VALIDATOR

if TYPE_CHECKING:
    from pathlib import Path

CASES = {
    "ejection": records.ejection_case,
    "no journal": lambda: records.ejection_case(journal=None),
    "no callers": lambda: records.ejection_case(callers={}),
    "no events": lambda: records.ejection_case(events=[]),
    "mtls": records.mtls_case,
    "pdb": records.pdb_case,
    "zone": records.zone_case,
    "zones counted": lambda: outage_case(50.0),
    "restoration": restoration_case,
    "idle": idle_case,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = varied(tmp_path_factory.mktemp("runs") / "20260201T020000Z")
    report(folder, load_targets())
    return folder


def whole(run: Path) -> Any:
    return json.loads((run / "results.json").read_text())


def families(run: Path) -> dict[str, list[Any]]:
    text = (run / "metrics.prom").read_text()
    return {family.name: family.samples for family in text_string_to_metric_families(text)}


@pytest.mark.parametrize("name", CASES)
def test_results_of_every_sort_of_record_keep_the_schema(tmp_path: Path, name: Any) -> None:
    CASES[name]().write(tmp_path / "run")
    report(tmp_path / "run", load_targets())
    VALIDATOR.validate(whole(tmp_path / "run"))
    families(tmp_path / "run")


def test_a_whole_run_keeps_the_schema(run: Path) -> None:
    VALIDATOR.validate(whole(run))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told.pop("verdicts"),
        lambda told: told["verdicts"][0].update(outcome="green"),
        lambda told: told["verdicts"][0].update(measured="fast"),
        lambda told: told["controls"][0].update(result="ignored"),
        lambda told: told["cases"][0].update(fault_s=None),
        lambda told: told.update(exit_code="0"),
    ],
    ids=["no verdicts", "an outcome", "a figure", "a control", "a time", "an exit code"],
)
def test_the_schema_refuses_what_is_not_a_result(run: Path, spoil: Any) -> None:
    told = whole(run)
    spoil(told)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(told)


def test_every_view_can_be_made_from_results_json_alone(run: Path) -> None:
    read = read_results(run / "results.json")
    assert read is not None
    for name, view in (
        ("results.json", to_json),
        ("junit.xml", junit_xml),
        ("metrics.prom", openmetrics_text),
        ("summary.md", summary_markdown),
    ):
        assert view(read) == (run / name).read_text(), name
    cases = [read_case(path) for path in sorted(run.iterdir()) if is_case(path)]
    assert html_report(read, cases) == (run / "report.html").read_text()


def test_what_is_no_result_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert read_results(path) is None
    for text in ("", "{}", "[1]", '{"run": "x", "outcome": "green"}'):
        path.write_text(text)
        assert read_results(path) is None


def test_junit_counts_as_results_do_and_keeps_the_outcomes_apart(run: Path) -> None:
    told = whole(run)
    root = ET.fromstring((run / "junit.xml").read_text())  # noqa: S314 - we wrote it
    kinds = Counter(
        next((child.get("type") for child in case if child.tag in {"failure", "error"}), "green")
        for case in root.iter("testcase")
    )
    outcomes = Counter(verdict["outcome"] for verdict in told["verdicts"])
    results = Counter(control["result"] for control in told["controls"])
    assert kinds["green"] == outcomes["passed"] + results["killed"]
    assert kinds["failed"] == outcomes["failed"] == 1
    assert kinds["inconclusive"] == outcomes["inconclusive"] + results["inconclusive"] == 3
    assert kinds["survived"] == results["survived"] == 1
    assert root.get("tests") == str(len(told["verdicts"]) + len(told["controls"]))
    assert (root.get("failures"), root.get("errors"), root.get("skipped")) == ("2", "3", None)
    texts = [element.text or "" for tag in ("failure", "error") for element in root.iter(tag)]
    assert all("see: " in text and "fix: " in text for text in texts)
    assert len(texts) == 5


def test_metrics_say_what_results_say(run: Path) -> None:
    told, metrics = whole(run), families(run)
    states = {
        (sample.labels["target"], sample.labels["resilience_target_outcome"])
        for sample in metrics["resilience_target_outcome"]
        if sample.value == 1
    }
    assert states == {(verdict["target"], verdict["outcome"]) for verdict in told["verdicts"]}
    margins = {sample.labels["target"]: sample.value for sample in metrics["resilience_target_margin"]}
    assert margins == {v["target"]: v["margin"] for v in told["verdicts"] if v["margin"] is not None}
    assert [s.labels["resilience_outcome"] for s in metrics["resilience_outcome"] if s.value] == [told["outcome"]]
    overhead = {sample.labels["case"]: sample.value for sample in metrics["resilience_case_overhead_seconds"]}
    assert overhead == {case["case"]: case["overhead_s"] for case in told["cases"]}


def test_the_summary_says_what_results_say(run: Path) -> None:
    told, text = whole(run), (run / "summary.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| target", "| neg"))]
    assert len(rows) == len(told["verdicts"]) + len(told["controls"])
    shown = Counter(row.rstrip(" |").rpartition("| ")[2] for row in rows[: len(told["verdicts"])])
    assert shown == Counter(verdict["outcome"] for verdict in told["verdicts"])
    assert text.count("*Fix:*") == text.count("*See:*") == 5


@pytest.mark.parametrize("width", [80, 150])
def test_the_terminal_fits_and_says_for_each_complaint_why_where_and_what_to_do(run: Path, width: Any) -> None:
    results = read_results(run / "results.json")
    assert results is not None
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    print_table(results, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    folded = "".join(text.split())
    for wrong in complaints(results):
        assert any(
            block.startswith(f"{wrong.subject}: ") and "see: " in block and f"fix: {wrong.fix}" in block
            for block in blocks
        ), wrong
        assert all("".join(f"{results.run}/{file}".split()) in folded for file in wrong.evidence)
    assert len(list(complaints(results))) == 5
    assert "baseline.idle, nothing was broken: quiet: 0 ejections, 0 alerts" in " ".join(text.split())


def test_the_page_has_its_sections_in_order_and_shows_each_fact(run: Path) -> None:
    text = (run / "report.html").read_text()
    headings = re.findall(r"<h[12][^>]*>(.*?)</h[12]>", text)
    assert headings == [
        "failed",
        "Promises",
        "Negative controls",
        "Experiments",
        "What could not be proven, and why",
        "Environment",
        "Where the time went",
        "Compared with earlier runs",
    ]
    for words in (
        "Phase: restore bytes",
        "27.0 s, completed: of the log",
        "PodAvailabilityLow, pagerduty",
        "firing at 171.0 s, resolved at 290.0 s",
        "3 alert(s) stayed inactive",
        "us-east-1b 0",
        "Caller us-east-1b, in the zone that was cut",
        "no figure is taken from them",
        "4 admitted, 0 refused with 429",
        "ejected nobody",
        "hold 60.0 s",
    ):
        assert words in text, words
    assert text.count('class="fault"') > 20
    assert len(text) < 400_000
