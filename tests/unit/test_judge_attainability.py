"""Verdicts beside the plan: what was out of reach is not proven, and a pass that it called impossible is nobody's."""

from pathlib import Path
from typing import Any

import pytest

from reports.events import parse_event
from reports.model import Outcome
from reports.surroundings import Attainability
from tests.unit.records import T0, Case, ejection_case, journal, quick_callers, samples

FIX = "maxEjectionPercent: at least 12"


def told(target: str = "mesh.ejection", **changes: Any) -> dict[str, Any]:
    return {
        "t": T0 - 11,
        "kind": "attainability",
        "target": target,
        "attainable": False,
        "floor": None,
        "limit": 60,
        "unit": "s",
        "relation": "<",
        "bound_by": "DestinationRule shop/app: maxEjectionPercent 10",
        "fix": FIX,
        **changes,
    }


def ended_at_once(*events: dict[str, Any], **changes: Any) -> Case:
    return ejection_case(**{"events": list(events), "callers": {}, "journal": None, **changes})


def measured(event: dict[str, Any], *, failing: bool = False) -> Case:
    case = ejection_case()
    case.events.insert(0, event)
    if failing:
        case.callers["gateway"] = samples([(0.2, 70)])
    return case


def test_the_event_is_read_and_may_say_more() -> None:
    line = '{"kind": "attainability", "t": 1, "target": "a.b", "attainable": null, "limit": 9, "unit": "s", '
    event = parse_event(line + '"relation": "<", "floor": null, "wall": 2}')
    assert event == Attainability("attainability", 1, "a.b", attainable=None, limit=9, unit="s", relation="<")


@pytest.mark.parametrize(("floor", "words"), [(None, "never allow"), (345.0, "allow 345.0 s at best, not")])
def test_what_was_not_injected_is_not_proven_and_says_what_to_change(tmp_path: Path, floor: Any, words: str) -> None:
    verdict = ended_at_once(told(floor=floor)).judge(tmp_path)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == (
        f"not attainable, so nothing was injected: the settings {words} < 60 s: "
        "DestinationRule shop/app: maxEjectionPercent 10"
    )
    assert verdict.fix == FIX
    assert verdict.measured is None


@pytest.mark.parametrize(
    "case",
    [
        ended_at_once(told(attainable=True, fix="")),
        ended_at_once(told(attainable=None, fix="")),
        ended_at_once(told(), told("other.target", attainable=True)),
        ended_at_once(told(), control="no-outlier-detection"),
        ended_at_once(told(), {"t": T0, "kind": "fault.intent", "fault": "bad-replica"}),
        ended_at_once(told("other.target")),
        ended_at_once(),
    ],
    ids=["attainable", "not known", "half", "control", "begun", "another's", "no plan"],
)
def test_a_run_that_was_begun_or_should_have_been_is_an_error_without_its_journal(tmp_path: Path, case: Case) -> None:
    verdict = case.judge(tmp_path)
    assert (verdict.outcome, verdict.reason) == (Outcome.ERROR, "journal.json is missing")


def test_a_failure_that_was_foreseen_has_the_plans_fix(tmp_path: Path) -> None:
    verdict = measured(told(), failing=True).judge(tmp_path)
    assert (verdict.outcome, verdict.fix) == (Outcome.FAILED, FIX)
    assert verdict.reason.startswith("measured")
    assert "foreseen: the settings never allow < 60 s" in verdict.reason
    assert verdict.measured is not None


def test_a_failure_that_was_not_foreseen_keeps_its_own(tmp_path: Path) -> None:
    verdict = measured(told(attainable=True, fix=""), failing=True).judge(tmp_path)
    assert verdict.outcome is Outcome.FAILED
    assert "foreseen" not in verdict.reason
    assert (verdict.fix or "").startswith("check that outlierDetection")


def test_a_pass_that_was_called_impossible_proves_nothing(tmp_path: Path) -> None:
    verdict = measured(told(floor=75.0)).judge(tmp_path)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason.startswith("one of the two is wrong: the settings allow 75.0 s at best, not < 60 s")
    assert verdict.measured is not None


@pytest.mark.parametrize("event", [told(attainable=True, floor=6.0), told(attainable=None), told("other.target")])
def test_a_pass_within_reach_is_a_pass(tmp_path: Path, event: dict[str, Any]) -> None:
    assert measured(event).judge(tmp_path).outcome is Outcome.PASSED


def test_what_is_inconclusive_for_another_reason_stays_so(tmp_path: Path) -> None:
    met = journal()["steady_states"]
    case = ejection_case(journal=journal(steady_states={**met, "after": None}), callers=quick_callers())
    case.events.insert(0, told())
    verdict = case.judge(tmp_path)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason.startswith("the steady state did not hold again")
