"""A whole run: results.json and its views, negative controls, exit codes, and the command."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from reports import results as results_module
from reports.judge.registry import STATISTICS, Measurement
from reports.model import Outcome, Target
from reports.results import Control, judge_run, schema_text
from reports.table import print_table, summary_markdown
from reports.targets import load_targets
from reports.write import report
from tests.unit.records import T0, ejection_case, journal, mtls_case, mtls_events, pdb_case, pdb_events, zone_case

if TYPE_CHECKING:
    from pathlib import Path

    from reports.record import CaseRecord

EVIL = "<script>alert(1)</script>\x1b[31m | `x`"


@pytest.fixture
def run(tmp_path: Path) -> Any:
    folder = tmp_path / "runs" / "20260101-night"
    folder.mkdir(parents=True)
    return folder


def control(name: Any = "permissive", **outcomes: Any) -> Any:
    case = mtls_case(mtls_events(**outcomes))
    case.control = name
    return case


def judged(run: Path) -> Any:
    return judge_run(run, load_targets())[0]


def test_a_green_run(run: Path) -> None:
    for case in (ejection_case(), mtls_case(), control(plaintext="accepted"), pdb_case()):
        case.write(run)
    results = report(run, load_targets())
    assert (results.outcome, results.exit_code) == (Outcome.PASSED, 0)
    assert results.conclusion == "3 of 3 promises kept; 1 of 1 negative controls noticed."
    assert {path.name for path in run.iterdir() if path.is_file()} == {
        "results.json",
        "junit.xml",
        "metrics.prom",
        "summary.md",
        "report.html",
    }


@pytest.mark.parametrize(
    ("outcomes", "result", "exit_code"),
    [
        ({"plaintext": "accepted"}, Control.KILLED, 0),
        ({}, Control.SURVIVED, 1),
        ({"plaintext": "unreachable"}, Control.INCONCLUSIVE, 2),
    ],
)
def test_a_control_that_survives_fails_the_gate(run: Path, outcomes: Any, result: Any, exit_code: Any) -> None:
    mtls_case().write(run)
    control(**outcomes).write(run)
    results = judged(run)
    assert ([c.result for c in results.controls], results.exit_code) == ([result], exit_code)
    assert [v.control for v in results.verdicts] == [None]


def test_a_broken_record_never_kills_a_control(run: Path) -> None:
    mtls_case().write(run)
    case = control(plaintext="accepted")
    case.journal = None
    case.write(run)
    assert judged(run).controls[0].result is Control.INCONCLUSIVE


def test_a_control_speaks_only_about_targets_that_name_it(run: Path) -> None:
    case = zone_case("ha.failover_traffic", control="unprotected")
    case.targets.append("mesh.mtls")
    case.write(run)
    assert [c.target for c in judged(run).controls] == ["ha.failover_traffic"]


@pytest.mark.parametrize(
    ("cases", "exit_code"),
    [
        ([pdb_case(pdb_events(app=[201] * 4)), ejection_case(journal=None)], 1),
        ([pdb_case(), ejection_case(journal=None)], 2),
        ([pdb_case(), ejection_case(callers={})], 2),
    ],
)
def test_exit_codes(run: Path, cases: Any, exit_code: Any) -> None:
    for case in cases:
        case.write(run)
    assert judged(run).exit_code == exit_code


def test_an_unknown_target_is_an_error_and_hides_no_other(run: Path) -> None:
    case = pdb_case()
    case.targets.append("ha.pbd")
    case.write(run)
    good, unknown = judged(run).verdicts
    assert (good.outcome, unknown.outcome, unknown.fix) == (Outcome.PASSED, Outcome.ERROR, "did you mean ha.pdb?")


def test_a_judge_that_crashes_says_error(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_record: CaseRecord, _target: Target[Any]) -> Measurement:
        raise ZeroDivisionError("oops")

    broken = replace(STATISTICS["pods_kept_percent"], measure=crash)
    monkeypatch.setitem(STATISTICS, "pods_kept_percent", broken)
    pdb_case().write(run)
    (verdict,) = judged(run).verdicts
    assert (verdict.outcome, verdict.reason) == (Outcome.ERROR, "the judge failed: ZeroDivisionError: oops")


def test_an_expected_case_that_never_ran_is_inconclusive(run: Path) -> None:
    pdb_case().write(run)
    expected = ["high_availability.disruption_budget", "mesh.mtls", "mesh.mtls~permissive"]
    (run / "environment.json").write_text(json.dumps({"expected_cases": expected}))
    results = judged(run)
    assert [(v.target, v.outcome) for v in results.verdicts] == [("ha.pdb", "passed"), ("mesh.mtls", "inconclusive")]
    assert [c.result for c in results.controls] == [Control.INCONCLUSIVE]
    assert results.exit_code == 2


@pytest.mark.parametrize(
    ("more", "is_open"), [(0, {"mesh.ejection": True, "mesh.mtls": True}), (9, {"mesh.ejection": True})]
)
def test_the_page_of_a_whole_run_opens_what_is_wrong_and_that_of_a_short_one_all(
    run: Path, more: int, is_open: Any
) -> None:
    for case in (
        ejection_case(journal=None),
        mtls_case(),
        *(control(f"c{number}", plaintext="accepted") for number in range(more)),
    ):
        case.write(run)
    report(run, load_targets())
    cases = re.findall(r'<details class="case"( open)?>\s*<summary><h3>([^<]+)</h3>', (run / "report.html").read_text())
    assert len(cases) == 2 + more
    assert {name: bool(opened) for opened, name in cases if opened} == is_open


def test_a_run_that_judged_nothing_is_not_green(run: Path) -> None:
    case = pdb_case()
    case.experiment, case.targets = "nobody/promises", []
    case.write(run)
    results = judged(run)
    assert (results.exit_code, results.conclusion) == (2, "no promise was judged.")


def test_overhead_is_wall_time_without_the_faults(run: Path) -> None:
    case = ejection_case()
    case.events += [
        {"t": T0 + 80, "kind": "fault.started", "fault": "b", "lo": T0 + 80, "hi": T0 + 81, "target": {"pod": "x"}},
        {"t": T0 + 95, "kind": "fault.ended", "fault": "b", "lo": T0 + 95, "hi": T0 + 100},
    ]
    case.write(run)
    (figures,) = judged(run).cases
    assert (figures.wall_s, figures.fault_s, figures.overhead_s, figures.overhead_percent) == (122, 100, 22, 22.0)


def test_judging_twice_gives_the_same_bytes(run: Path) -> None:
    ejection_case(events=[e for e in ejection_case().events if e["kind"] != "ejection"]).write(run)
    report(run, load_targets())
    first = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    report(run, load_targets())
    assert first == {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}


def test_infinity_is_null_in_json(run: Path) -> None:
    ejection_case(events=[e for e in ejection_case().events if e["kind"] != "ejection"]).write(run)
    report(run, load_targets())
    text = (run / "results.json").read_text()
    (verdict,) = json.loads(text)["verdicts"]
    assert (verdict["outcome"], verdict["measured"]["hi"], verdict["margin"]) == ("failed", None, None)
    assert "Infinity" not in text


def test_the_schema_file_is_the_schema() -> None:
    """Written by: python -c "from reports.results import *; SCHEMA.write_text(schema_text())"."""
    assert results_module.SCHEMA.read_text() == schema_text()


def test_junit_has_failures_and_typed_errors(run: Path) -> None:
    pdb_case(pdb_events(app=[201] * 4)).write(run)
    ejection_case(journal=None).write(run)
    mtls_case(mtls_events(plaintext="unreachable")).write(run)
    control().write(run)
    report(run, load_targets())
    root = ET.fromstring((run / "junit.xml").read_text())  # noqa: S314 - we wrote it
    kinds = {
        c.get("name"): [(e.tag, e.get("type")) for e in c if e.tag in {"failure", "error"}]
        for c in root.iter("testcase")
    }
    assert kinds == {
        "ha.pdb": [("failure", "failed")],
        "mesh.ejection": [("error", "error")],
        "mesh.mtls": [("error", "inconclusive")],
        "mesh.mtls~permissive": [("failure", "survived")],
    }
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "2", "2")
    properties = {p.get("name"): p.get("value") for p in next(root.iter("properties"))}
    assert properties == {"target": "ha.pdb", "measured": "55.6 %", "allowed": ">= 66 %", "margin": "-10.4 %"}


def evil_run(run: Path) -> Any:
    case = ejection_case(journal=journal(run=[{"activity": {"name": EVIL, "type": "action"}, "status": EVIL}]))
    case.events += [{"t": T0, "kind": "note", "text": EVIL}]
    case.events += [{"t": T0, "kind": "ready", "tier": EVIL, "desired": 1, "ready": 1}]
    case.events += [{"t": T0, "kind": "eviction", "tier": EVIL, "pod": EVIL, "status": 429, "message": EVIL}]
    case.events += [{"t": T0 + 1, "kind": "ejection", "client": EVIL, "host": EVIL, "lo": T0, "hi": T0 + 1}]
    case.events = [{**event, "fault": EVIL} if "fault" in event else event for event in case.events]
    case.write(run)
    mtls_case([{"t": 1, "kind": "coverage", "what": "mtls-ports", "expected": [EVIL]}, *mtls_events()]).write(run)
    (run / "environment.json").write_text(json.dumps({EVIL: [EVIL, {EVIL: None}], "nan": float("nan")}))
    return report(run, load_targets())


class Page(HTMLParser):
    """Collects tags and whatever would load something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str | None] = []

    def handle_starttag(self, tag: Any, attrs: Any) -> None:
        self.tags.add(tag)
        self.loads += [
            value for key, value in attrs if key in {"src", "srcset"} or (key == "href" and "//" in (value or ""))
        ]
        assert not any(key.startswith("on") for key, _ in attrs)


def test_nothing_from_a_record_becomes_markup(run: Path) -> None:
    evil_run(run)
    text = (run / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert "script" not in page.tags
    assert page.loads == []
    assert "@import" not in text
    assert "url(" not in text
    assert text.count("&lt;script&gt;") > 10
    ET.fromstring((run / "junit.xml").read_text())  # noqa: S314 - well formed in spite of control characters
    for svg in re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL):
        ET.fromstring(svg.replace("\x1b", ""))  # noqa: S314
    assert "<script" not in (run / "summary.md").read_text()


def test_the_terminal_shows_the_conclusion_last(run: Path) -> None:
    results = evil_run(run)
    for console in (Console(file=io.StringIO(), force_terminal=True, width=70), Console(file=io.StringIO())):
        print_table(results, console)
        assert isinstance(console.file, io.StringIO)
        assert "mesh.ejection" in console.file.getvalue()
        last = console.file.getvalue().rstrip().splitlines()[-1]
        assert "could not be proven" in last


def test_the_summary_stays_small(run: Path) -> None:
    results = evil_run(run)
    text = summary_markdown(results)
    assert len(text) < 10_000
    assert text.startswith("## error: ")


def test_the_page_says_what_counts(run: Path) -> None:
    ejection_case().write(run)
    control().write(run)
    report(run, load_targets())
    text = (run / "report.html").read_text()
    words = (
        "Circuit breaker ejection: &lt; 60s",
        "mesh.mtls survived",
        "60 s after the fault began, the limit of mesh.ejection",
        "ejected app-0 at 1.5 to 2.0 s",
        "35.3 %",
    )
    assert [word for word in words if word not in text] == []
