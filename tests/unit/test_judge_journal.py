"""What Chaos Toolkit's journal shows is believed activity by activity; its own status is not read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome
from tests.unit.records import activity, ejection_case, journal, samples

if TYPE_CHECKING:
    from pathlib import Path

GOOD_RUN = [activity("break"), activity("heal")]


def spoiled_journal(tmp_path: Path, **changes: Any) -> Any:
    return ejection_case(journal=journal(**changes)).judge(tmp_path)


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        (None, "it was not looked at"),
        ({"steady_state_met": None, "probes": []}, "the steady state did not hold"),
        (
            {"steady_state_met": False, "probes": [{**activity("ratio", "probe", 0.4), "tolerance_met": False}]},
            "ratio gave 0.4",
        ),
    ],
)
def test_a_baseline_that_did_not_hold_is_inconclusive(tmp_path: Path, before: Any, reason: Any) -> None:
    """Chaos Toolkit says `completed` here: the method was skipped and nothing was injected."""
    verdict = spoiled_journal(tmp_path, steady_states={"before": before, "after": None}, run=[])
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, f"baseline not met: {reason}")


def test_a_method_that_never_ran_is_inconclusive(tmp_path: Path) -> None:
    verdict = spoiled_journal(tmp_path, run=[])
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "baseline not met: the method never ran")


def test_an_action_that_raised_is_an_error_with_its_exception(tmp_path: Path) -> None:
    run = [
        activity("break", status="failed", output=None, exception=["Traceback\n", "ActivityFailed: denied\n", "\n"]),
        *GOOD_RUN[1:],
    ]
    verdict = spoiled_journal(tmp_path, run=run)
    assert (verdict.outcome, verdict.reason) == (
        Outcome.ERROR,
        "action break did not succeed: ActivityFailed: denied",
    )


def test_a_method_cut_short_is_an_error(tmp_path: Path) -> None:
    verdict = spoiled_journal(tmp_path, run=GOOD_RUN[:1])
    assert (verdict.outcome, verdict.reason) == (Outcome.ERROR, "the method stopped after 1 of 2 activities")


@pytest.mark.parametrize("output", [None, [], {}, "", False, 0, {"pods": []}, [[], None]])
def test_an_action_that_returned_nothing_matched_nothing(tmp_path: Path, output: Any) -> None:
    verdict = spoiled_journal(tmp_path, run=[activity("break", output=output), activity("heal")])
    assert (verdict.outcome, verdict.reason) == (
        Outcome.INCONCLUSIVE,
        "action break returned nothing: it matched nothing",
    )


def test_a_probe_may_return_nothing_and_an_action_may_return_part(tmp_path: Path) -> None:
    run = [activity("hold", "probe", None), activity("break", output={"pods": ["a"], "more": []})]
    assert spoiled_journal(tmp_path, run=run).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("rollbacks", "reason"),
    [
        ([], "not healed: 0 of 1 rollbacks were played"),
        ([activity("heal-again", status="failed")], "not healed: rollback heal-again failed"),
    ],
)
def test_rollbacks_that_did_not_play_are_inconclusive(tmp_path: Path, rollbacks: Any, reason: Any) -> None:
    verdict = spoiled_journal(tmp_path, rollbacks=rollbacks)
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, reason)


@pytest.mark.parametrize("after", [None, {"steady_state_met": False, "probes": []}, {"steady_state_met": None}])
def test_a_system_that_did_not_come_back_takes_away_a_pass_but_not_a_failure(tmp_path: Path, after: Any) -> None:
    states = {**journal()["steady_states"], "after": after}
    case = ejection_case(journal=journal(steady_states=states))
    verdict = case.judge(tmp_path / "a")
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "did not hold again" in verdict.reason
    assert verdict.measured is not None
    case.callers["gateway"] = samples([(0.2, 70)])
    assert case.judge(tmp_path / "b").outcome is Outcome.FAILED


def test_the_worst_finding_is_the_reason_and_the_others_are_kept(tmp_path: Path) -> None:
    run = [activity("break", output=[]), activity("heal", status="failed", exception=["Boom: x"])]
    verdict = spoiled_journal(tmp_path, run=run, rollbacks=[])
    assert (verdict.outcome, verdict.reason) == (Outcome.ERROR, "action heal did not succeed: Boom: x")
    assert len(verdict.extra["also"]) == 2
