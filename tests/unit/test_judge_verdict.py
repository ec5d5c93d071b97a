"""What a verdict says besides its outcome: whose it is, why, what to do, and which files show it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reports.judge import judge_case
from reports.judge.registry import STATISTICS, Inconclusive, Measurement
from reports.model import Interval, Outcome, Verdict
from reports.reader import read_case
from reports.targets import load_targets
from tests.unit.records import ejection_case

if TYPE_CHECKING:
    from pathlib import Path

    from reports.record import CaseRecord

TARGETS = load_targets()
TARGET = TARGETS["mesh.ejection"]


def record(run: Path, **changes: Any) -> CaseRecord:
    case = ejection_case()
    for name, value in changes.items():
        setattr(case, name, value)
    return read_case(case.write(run))


def judged(record: CaseRecord, monkeypatch: pytest.MonkeyPatch, answer: Any) -> Verdict:
    """The verdict if the statistic gives, or raises, something."""

    def measure(*_: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    statistic = STATISTICS[TARGET.statistic]
    monkeypatch.setitem(STATISTICS, TARGET.statistic, replace(statistic, measure=measure))
    (verdict,) = judge_case(record, TARGETS)
    return verdict


def test_a_judge_that_crashes_is_an_error_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judged(record(tmp_path), monkeypatch, ZeroDivisionError("oops"))
    assert (verdict.target, verdict.case, verdict.control) == (TARGET.id, "mesh.ejection", None)
    assert (verdict.outcome, verdict.reason) == (Outcome.ERROR, "the judge failed: ZeroDivisionError: oops")
    assert verdict.fix == "report it with the case's folder: no record may do that"
    assert verdict.evidence == ("mesh.ejection/journal.json", "mesh.ejection/events.ndjson")
    assert (verdict.promise, verdict.allowed, verdict.measured) == (TARGET.promise, TARGET.limit, None)
    assert verdict.extra == {}


def test_a_target_that_nobody_knows_is_an_error_of_the_case_that_names_it(tmp_path: Path) -> None:
    (verdict,) = judge_case(record(tmp_path, targets=["mesh.ejektion"], control="no-outlier-detection"), TARGETS)
    assert (verdict.target, verdict.case) == ("mesh.ejektion", "mesh.ejection~no-outlier-detection")
    assert (verdict.control, verdict.outcome) == ("no-outlier-detection", Outcome.ERROR)
    assert "mesh.ejektion" in verdict.reason
    assert verdict.fix


@pytest.mark.parametrize("starved", [False, True])
def test_what_a_statistic_cannot_say_is_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, starved: bool
) -> None:
    verdict = judged(record(tmp_path), monkeypatch, Inconclusive("too few", "more", starved=starved))
    assert (verdict.outcome, verdict.reason, verdict.fix) == (Outcome.INCONCLUSIVE, "too few", "more")
    assert verdict.extra == ({"starved": True} if starved else {})


@pytest.mark.parametrize(("detail", "about"), [("", ""), ("last error of gateway", " (last error of gateway)")])
def test_a_figure_is_told_with_what_it_is_about_if_there_is_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, detail: str, about: str
) -> None:
    case = record(tmp_path)
    kept = judged(case, monkeypatch, Measurement(Interval(5, 5), ("events.ndjson",), detail=detail))
    assert (kept.outcome, kept.reason) == (Outcome.PASSED, f"measured 5.0 s, allowed < 60 s{about}")
    held = judged(case, monkeypatch, Measurement(Interval(5, float("inf")), ("events.ndjson",), detail=detail))
    assert held.outcome is Outcome.INCONCLUSIVE
    assert held.reason.endswith(f"not over after > 5.0 s, allowed < 60 s{about}")


def test_only_files_that_are_there_are_evidence_and_a_verdict_is_of_its_control(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = record(tmp_path, control="no-outlier-detection")
    figure = Measurement(Interval(70, 70), ("events.ndjson", "samples-gateway.ndjson"))
    verdict = judged(case, monkeypatch, figure)
    assert (verdict.control, verdict.outcome) == ("no-outlier-detection", Outcome.FAILED)
    names = [name.partition("/")[2] for name in verdict.evidence]
    assert names == ["journal.json", "events.ndjson", "samples-gateway.ndjson"]
    folder = tmp_path / "mesh.ejection~no-outlier-detection"
    (folder / "journal.json").unlink()
    (stopped,) = judge_case(read_case(folder), TARGETS)
    assert stopped.evidence == (f"{folder.name}/events.ndjson",)
