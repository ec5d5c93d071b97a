"""What Chaos Toolkit's journal shows is believed activity by activity; its own status is not read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.judge.steady import within
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
        ({"steady_state_met": None, "probes": []}, "error-ratio was not asked"),
        (
            {"steady_state_met": False, "probes": [{**activity("error-ratio", "probe", 0.4), "tolerance_met": False}]},
            "error-ratio gave 0.4, tolerated 0 to 0.001",
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
    run = [activity("break", "probe", None), activity("heal", output={"pods": ["a"], "more": []})]
    assert spoiled_journal(tmp_path, run=run).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("rollbacks", "reason"),
    [
        ([], "not healed: 0 of 1 rollbacks were played, not heal-again"),
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


MET = journal()["steady_states"]["before"]
RANGE = {"type": "range", "range": [0, 0.001]}


def look(*outputs: Any, met: Any = True, tolerance_met: Any = True, status: str = "succeeded") -> dict[str, Any]:
    probes = [
        {**activity("error-ratio", "probe", output, status), "tolerance_met": tolerance_met} for output in outputs
    ]
    return {"steady_state_met": met, "probes": probes}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("seen", "words"),
    [
        pytest.param(look(0.4), "error-ratio gave 0.4, tolerated 0 to 0.001", id="lib#55: reckoned anew"),
        pytest.param(look(*[False]), "gave False", id="a bool is no number"),
        pytest.param(look(None), "gave None", id="nothing is no number"),
        pytest.param(look(float("nan")), "gave nan", id="not a number"),
        pytest.param(look(), "error-ratio was not asked", id="lib#193: a probe was left out"),
        pytest.param(look(0.0, status="failed"), "error-ratio failed", id="lib#95: the probe raised"),
        pytest.param(look(0.0, 0.4), "gave 0.4", id="asked twice, missed once"),
        pytest.param(look(0.0, met=None), "Chaos Toolkit says that it did not hold", id="pair: the look's own word"),
        pytest.param(look(0.0, tolerance_met=False), "Chaos Toolkit says", id="pair: the probe's own word"),
    ],
)
def test_a_look_is_reckoned_anew_and_chaos_toolkit_must_agree(tmp_path: Path, when: str, seen: Any, words: str) -> None:
    verdict = spoiled_journal(tmp_path, steady_states={"before": MET, "after": MET, when: seen})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in verdict.reason
    assert verdict.reason.startswith("baseline not met" if when == "before" else "the steady state did not hold again")


@pytest.mark.parametrize(
    ("tolerance", "value", "kept"),
    [
        (True, True, True),
        (True, 1, False),
        (False, False, True),
        (1, 1, True),
        (1, 1.0, True),
        (1, True, False),
        (200, {"status": 200}, False),
        ("up", "up", True),
        ("up", ["up"], False),
        (RANGE, 0, True),
        (RANGE, 0.001, True),
        (RANGE, 0.0011, False),
        (RANGE, -0.0001, False),
        (RANGE, "0", False),
        ({"type": "range", "range": [0, None]}, 0, False),
        ({"type": "range"}, 0, False),
        ({"type": "regex", "pattern": ".*"}, "x", False),
        ([0, 1], 0, False),
        (None, None, False),
    ],
)
def test_only_what_can_be_reckoned_is_within(tolerance: Any, value: Any, kept: Any) -> None:
    assert within(tolerance, value) is kept


def test_a_document_without_a_steady_state_has_no_baseline(tmp_path: Path) -> None:
    spoilt = journal()
    del spoilt["experiment"]["steady-state-hypothesis"]
    verdict = ejection_case(journal=spoilt).judge(tmp_path)
    assert verdict.reason == "baseline not met: the document declares no probe of it"


@pytest.mark.parametrize("dip", [look(0.4), look(), None])
def test_a_dip_during_the_method_takes_away_a_pass_but_not_a_failure(tmp_path: Path, dip: Any) -> None:
    """research/style.md §5: Chaos Toolkit says completed and not deviated when the last look is fine again."""
    case = ejection_case(journal=journal(steady_states={"before": MET, "after": MET, "during": [MET, dip, dip, MET]}))
    verdict = case.judge(tmp_path / "a")
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason.startswith("the steady state was lost in 2 of 4 looks while the method was played: ")
    assert verdict.margin == pytest.approx(56.0)
    case.callers["gateway"] = samples([(0.2, 70)])
    assert case.judge(tmp_path / "b").outcome is Outcome.FAILED


@pytest.mark.parametrize("strategy", ["continuously", "during-method-only"])
def test_looks_that_were_to_be_taken_during_the_method_and_were_not(tmp_path: Path, strategy: str) -> None:
    spoilt = journal()
    spoilt["experiment"]["runtime"] = {"hypothesis": {"strategy": strategy}}
    verdict = ejection_case(journal=spoilt).judge(tmp_path)
    assert (verdict.outcome, "never was" in verdict.reason) == (Outcome.INCONCLUSIVE, True)
    spoilt["steady_states"]["during"] = [MET]
    assert ejection_case(journal=spoilt).judge(tmp_path / "looked").outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("output", "outcome"), [(0.0, Outcome.PASSED), (0.4, Outcome.INCONCLUSIVE), (None, Outcome.INCONCLUSIVE)]
)
def test_tolerances_in_the_method_are_reckoned(tmp_path: Path, output: Any, outcome: Any) -> None:
    """chaostoolkit-lib#55, chaostoolkit#135: Chaos Toolkit does not."""
    spoilt = journal(run=[activity("break"), activity("ratio", "probe", output), activity("heal")])
    spoilt["experiment"]["method"].insert(1, {"name": "ratio", "type": "probe", "tolerance": RANGE})
    verdict = ejection_case(journal=spoilt).judge(tmp_path)
    assert verdict.outcome is outcome
    assert ("not within its tolerance: ratio gave" in verdict.reason) is (outcome is not Outcome.PASSED)


def test_what_was_played_is_what_was_declared(tmp_path: Path) -> None:
    verdict = spoiled_journal(tmp_path, run=[activity("break"), activity("break")])
    assert (verdict.outcome, "not the declared one: break, break" in verdict.reason) == (Outcome.ERROR, True)


def test_a_rollback_played_twice_is_not_two_rollbacks(tmp_path: Path) -> None:
    spoilt = journal(rollbacks=[activity("heal-again"), activity("heal-again")])
    spoilt["experiment"]["rollbacks"].append({"name": "thaw", "type": "action"})
    verdict = ejection_case(journal=spoilt).judge(tmp_path)
    assert verdict.reason == "not healed: 1 of 2 rollbacks were played, not thaw"
