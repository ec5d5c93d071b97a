"""Switching a release: a good record, each way to be bad, and exactly at the boundaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome
from tests.unit.records import T0, fault, known
from tests.unit.records_mesh import GREEN_S, blue_green, versions

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


def at(samples: list[dict[str, Any]], after_s: float) -> dict[str, Any]:
    """The first request that was due so long after the switch began."""
    return next(sample for sample in samples if sample["due"] >= T0 + after_s)


def test_there_and_back_without_an_error(tmp_path: Path) -> None:
    verdict = blue_green().judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi) == (PASSED, 0), verdict.reason
    assert "v1 to v2 and back without an error" in verdict.reason
    # The last old answer was due 0.75 s after the switch began, and that took 0.1 s itself; so the new one's.
    assert verdict.extra["last_of_the_other_s"]["us-east-1b"] == {
        "after the switch": 0.66,
        "after the roll back": 0.56,
    }


@pytest.mark.parametrize("status", [0, 404, 503])
@pytest.mark.parametrize("after_s", [0.0, 5.0, 30.0])
def test_each_error_from_the_switch_on_is_one_too_many(tmp_path: Path, status: int, after_s: float) -> None:
    samples = versions()
    at(samples, after_s).update(status=status, answer=None)
    verdict = blue_green(us_east_1a=samples).judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi) == (FAILED, 1)
    assert f"us-east-1a-{at(samples, after_s)['i']} was" in verdict.reason


def test_an_error_before_the_switch_is_not_the_switchs(tmp_path: Path) -> None:
    samples = versions()
    at(samples, -5).update(status=503, answer=None)
    assert blue_green(us_east_1a=samples).judge(tmp_path).outcome is PASSED


# The switch is known to be done 0.1 s after it began, the roll back 0.2 s; each may take 10 s to take hold.
@pytest.mark.parametrize(
    ("after_s", "answer", "outcome"),
    [
        (-1.0, "v2", FAILED),
        (9.9, "v1", PASSED),
        (10.25, "v1", FAILED),
        (GREEN_S - 1, "v1", FAILED),
        (GREEN_S + 10.0, "v2", PASSED),
        (GREEN_S + 10.25, "v2", FAILED),
    ],
)
def test_the_wrong_version_may_answer_for_ten_seconds_and_no_longer(
    tmp_path: Path, after_s: float, answer: str, outcome: Any
) -> None:
    samples = versions()
    at(samples, after_s)["answer"] = answer
    verdict = blue_green(gateway=samples).judge(tmp_path)
    assert verdict.outcome is outcome, verdict.reason
    if outcome is FAILED:
        assert f"was answered by {answer} " in verdict.reason


def test_a_switch_that_never_took_hold_fails(tmp_path: Path) -> None:
    samples = [sample | {"answer": "v1"} for sample in versions()]
    assert blue_green(us_east_1c=samples).judge(tmp_path).outcome is FAILED


@pytest.mark.parametrize(("until_s", "outcome"), [(60.0, PASSED), (49.5, INCONCLUSIVE)])
def test_each_version_must_have_answered_each_caller(tmp_path: Path, until_s: float, outcome: Any) -> None:
    verdict = blue_green(us_east_1b=versions(until_s)).judge(tmp_path)
    assert verdict.outcome is outcome
    if outcome is INCONCLUSIVE:
        assert "caller us-east-1b was answered" in verdict.reason
        assert "after the roll back, 20 are needed" in verdict.reason


def test_a_third_version_proves_nothing(tmp_path: Path) -> None:
    samples = versions()
    samples[3]["answer"] = "v3"
    assert blue_green(gateway=samples).judge(tmp_path).outcome is INCONCLUSIVE


def test_two_switches_prove_nothing(tmp_path: Path) -> None:
    case = blue_green()
    again = [
        event | {key: event[key] + 40 for key in ("t", "lo", "hi") if key in event} for event in fault("another", 5)
    ]
    case.events += again
    verdict = case.judge(tmp_path)
    assert (verdict.outcome, "switched 2 times" in verdict.reason) == (INCONCLUSIVE, True), verdict.reason
