"""Retries, their gaps and their end: a good record, each way to be bad, and exactly at each boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.judge import judge_case
from reports.model import Outcome, Verdict
from reports.reader import read_case
from reports.targets import load_targets
from tests.unit import records_retries
from tests.unit.records import known, samples
from tests.unit.records_retries import EIGHT, GROWING, browsing, counted, faults, read, tries

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


def judged(tmp_path: Path, target: str, **changes: Any) -> Verdict:
    record = read_case(records_retries.case(**changes).write(tmp_path))
    return next(verdict for verdict in judge_case(record, load_targets()) if verdict.target == target)


def callers(**changed: Any) -> dict[str, Any]:
    return {"callers": records_retries.case().callers | changed}


class TestErrorsInSpiteOfRetries:
    """The statistic errors_in_spite_of_retries."""

    def test_none_is_kept_and_one_is_broken(self, tmp_path: Path) -> None:
        kept = judged(tmp_path / "kept", "mesh.retry")
        assert (kept.outcome, known(kept).hi) == (PASSED, 0)
        assert "15 calls were tried again" in kept.reason
        bad = callers(gateway=samples([(5, 5.4), EIGHT], rate_hz=2))
        broken = judged(tmp_path / "broken", "mesh.retry", **bad)
        assert (broken.outcome, known(broken).hi) == (FAILED, 1)

    @pytest.mark.parametrize("span", [(-5, -1), (21, 24), EIGHT, (60, 70)])
    def test_errors_outside_the_first_fault_are_not_its(self, tmp_path: Path, span: Any) -> None:
        assert judged(tmp_path, "mesh.retry", **callers(gateway=samples([span], rate_hz=2))).outcome is PASSED

    def test_who_tried_nothing_again_has_not_met_it(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, "mesh.retry", events=[*faults(), *counted(again=0)])
        assert verdict.outcome is INCONCLUSIVE
        assert "no call of gateway, us-east-1a, us-east-1b, us-east-1c was tried again" in verdict.reason

    @pytest.mark.parametrize(("again", "outcome"), [(3, PASSED), (1, PASSED), (0, INCONCLUSIVE)])
    def test_what_a_proxy_does_not_name_it_has_not_counted(self, tmp_path: Path, again: int, outcome: Any) -> None:
        verdict = judged(tmp_path, "mesh.retry", events=[*faults(), *counted(again, before=0)])
        assert verdict.outcome is outcome
        assert outcome is INCONCLUSIVE or f"({5 * again} calls were tried again)" in verdict.reason

    def test_errors_without_a_retry_are_broken_all_the_same(self, tmp_path: Path) -> None:
        bad = callers(gateway=samples([(5, 7), EIGHT], rate_hz=2))
        assert judged(tmp_path, "mesh.retry", events=[*faults(), *counted(again=0)], **bad).outcome is FAILED

    @pytest.mark.parametrize(("rate_hz", "outcome"), [(1.4, INCONCLUSIVE), (1.6, PASSED)])
    def test_a_caller_must_have_asked_often_enough(self, tmp_path: Path, rate_hz: float, outcome: Any) -> None:
        bad = callers(gateway=samples([EIGHT], rate_hz=rate_hz))
        assert judged(tmp_path, "mesh.retry", **bad).outcome is outcome


class TestGrowingGaps:
    """The statistic growing_gaps_percent."""

    @pytest.mark.parametrize(
        ("longer", "calls", "outcome"),
        [(100, 100, PASSED), (67, 100, PASSED), (66, 100, FAILED), (50, 100, FAILED), (0, 100, FAILED)],
    )
    def test_the_share_must_surely_be_more_than_half(
        self, tmp_path: Path, longer: int, calls: int, outcome: Any
    ) -> None:
        told = [tries(number, *(GROWING if number < longer else GROWING[::-1])) for number in range(calls)]
        verdict = judged(tmp_path, "mesh.retry_backoff", events=[*faults(), *counted(), *read(told)])
        assert known(verdict).at == pytest.approx(100 * longer / calls)
        assert verdict.outcome is outcome, verdict.reason

    def test_what_the_machine_adds_to_each_gap_changes_nothing(self, tmp_path: Path) -> None:
        slow = [tries(number, 0.55, 0.6, 0.7) for number in range(100)]
        assert judged(tmp_path, "mesh.retry_backoff", events=[*faults(), *counted(), *read(slow)]).outcome is PASSED

    def test_gaps_that_are_alike_are_not_longer(self, tmp_path: Path) -> None:
        alike = [tries(number, 0.125, 0.125) for number in range(100)]
        verdict = judged(tmp_path, "mesh.retry_backoff", events=[*faults(), *counted(), *read(alike)])
        assert verdict.outcome is FAILED

    def test_calls_that_were_not_tried_again_break_it_if_there_are_enough(self, tmp_path: Path) -> None:
        few, many = ([tries(number) for number in range(count)] for count in (99, 100))
        events = [*faults(), *counted(), *read(many)]
        broken = judged(tmp_path / "many", "mesh.retry_backoff", events=events)
        assert broken.outcome is FAILED
        assert "none of 100 calls that were answered 503 was tried again" in broken.reason
        events = [*faults(), *counted(), *read(few)]
        assert judged(tmp_path / "few", "mesh.retry_backoff", events=events).outcome is INCONCLUSIVE

    @pytest.mark.parametrize(
        ("calls", "changes", "reason"),
        [
            ([tries(number, *GROWING) for number in range(99)], {}, "99 calls were tried again twice"),
            ([tries(number, 0.1) for number in range(100)], {}, "0 calls were tried again twice"),
            ([tries(number, *GROWING, status=200) for number in range(100)], {}, "0 calls were tried again twice"),
            ([tries(number, *GROWING) for number in range(100)], {"calls": 101}, "holds 100 of 101 calls"),
            ([tries(number, *GROWING) for number in range(100)], {"complete": False, "why": "it grew"}, "it grew"),
        ],
    )
    def test_what_proves_nothing(self, tmp_path: Path, calls: Any, changes: Any, reason: str) -> None:
        events = [*faults(), *counted(), *read(calls, **changes)]
        verdict = judged(tmp_path, "mesh.retry_backoff", events=events)
        assert verdict.outcome is INCONCLUSIVE
        assert reason in verdict.reason

    def test_a_call_that_goes_on_after_the_fault_does_not_count(self, tmp_path: Path) -> None:
        calls = [tries(number, *GROWING) for number in [*range(99), 148]]
        verdict = judged(tmp_path, "mesh.retry_backoff", events=[*faults(), *counted(), *read(calls)])
        assert "99 calls were tried again twice" in verdict.reason


class TestSlowestCall:
    """The statistic slowest_call_s."""

    @pytest.mark.parametrize(("took_s", "outcome"), [(8.5, PASSED), (29.9, PASSED), (30.0, FAILED), (33.0, FAILED)])
    def test_the_slowest_call_decides(self, tmp_path: Path, took_s: float, outcome: Any) -> None:
        verdict = judged(tmp_path, "mesh.retry_timeout", **callers(browse=browsing(took_s)))
        assert verdict.outcome is outcome, verdict.reason
        assert known(verdict).hi == pytest.approx(took_s, abs=0.01)
        if outcome is FAILED:
            assert "caller browse in the api hangs" in verdict.reason

    def test_a_call_that_its_caller_gave_up_has_no_end(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, "mesh.retry_timeout", **callers(browse=browsing(35.0, 0)))
        assert (verdict.outcome, known(verdict).ended) == (FAILED, False)

    def test_a_caller_that_gives_up_too_soon_cannot_tell(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, "mesh.retry_timeout", **callers(browse=browsing(20.0, 0)))
        assert verdict.outcome is INCONCLUSIVE

    def test_a_connection_that_broke_is_an_end(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, "mesh.retry_timeout", **callers(browse=browsing(2.0, 0)))
        assert verdict.outcome is PASSED

    def test_calls_that_ended_when_the_api_healed_show_nothing(self, tmp_path: Path) -> None:
        verdict = judged(tmp_path, "mesh.retry_timeout", **callers(browse=browsing(44.0)))
        assert verdict.outcome is INCONCLUSIVE
        assert "calls of caller browse came to their end" in verdict.reason


@pytest.mark.parametrize(
    ("dropped", "target", "reason", "fix"),
    [
        ("hangs", "mesh.retry_timeout", "no fault made replicas hang", "hang_replicas"),
        ("status", "mesh.retry", "no fault made one replica answer errors", "break_replicas with count 1"),
    ],
)
def test_without_its_fault_nothing_is_proven(tmp_path: Path, dropped: str, target: str, reason: str, fix: str) -> None:
    gone = {event["fault"] for event in faults() if dropped in event.get("target", {})}
    events = [event for event in faults() if event["fault"] not in gone]
    verdict = judged(tmp_path, target, events=[*events, *counted()])
    assert (verdict.outcome, verdict.reason, verdict.fix) == (INCONCLUSIVE, reason, fix)
