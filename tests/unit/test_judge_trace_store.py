"""What the tracing store keeps: good records, each way to be bad, and both sides of each limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome
from tests.unit.records import known, samples
from tests.unit.records_trace_store import handed_in, held, restart, stored
from tests.unit.records_tracing import searched

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE
DELETED, KILLED = "tracing/collectors", "tracing/collector_crash"


class TestUnstored:
    """The statistic unstored_traces."""

    def test_everything_that_was_sent_is_stored(self, tmp_path: Path) -> None:
        verdict = handed_in(DELETED).judge(tmp_path)
        assert (verdict.outcome, known(verdict).hi) == (PASSED, 0)
        assert "of 400 traces 0 were refused and 0 lost" in verdict.reason

    def test_one_that_was_accepted_and_lost_is_named(self, tmp_path: Path) -> None:
        verdict = handed_in(DELETED, missing=frozenset({123})).judge(tmp_path)
        assert (verdict.outcome, known(verdict).hi) == (FAILED, 1)
        assert "0 were refused and 1 lost after they were accepted, first traces-123" in verdict.reason

    def test_one_that_was_refused_counts_too(self, tmp_path: Path) -> None:
        verdict = handed_in(DELETED, refused_s=(2.0, 2.1)).judge(tmp_path)
        assert (verdict.outcome, known(verdict).hi) == (FAILED, 1)
        assert "1 were refused and 0 lost" in verdict.reason

    def test_one_that_was_not_answered_and_is_stored_all_the_same_is_not_missing(self, tmp_path: Path) -> None:
        case = handed_in(DELETED)
        case.callers["traces"][150]["status"] = 0
        assert case.judge(tmp_path).outcome is PASSED

    def test_spans_of_a_proxy_on_the_way_do_not_stand_for_the_senders(self, tmp_path: Path) -> None:
        case = handed_in(DELETED, missing=frozenset({123}))
        search = case.events.pop()
        case.events += searched(stored(["traces-123"], "caller-us-east-1a"), traces=search["traces"] + 1)
        assert case.judge(tmp_path).outcome is FAILED

    @pytest.mark.parametrize(("until_s", "outcome"), [(20.0, PASSED), (19.9, INCONCLUSIVE)])
    def test_three_hundred_are_needed(self, tmp_path: Path, until_s: Any, outcome: Any) -> None:
        assert handed_in(DELETED, until_s=until_s).judge(tmp_path).outcome is outcome

    def test_a_sender_that_was_done_before_the_fault_proves_nothing(self, tmp_path: Path) -> None:
        case = handed_in(DELETED)
        early = [(row, row["due"] - 40) for row in samples(until_s=30)]
        case.callers["traces"] = [row | dict.fromkeys(("due", "sent", "done"), due) for row, due in early]
        verdict = case.judge(tmp_path)
        assert (verdict.outcome, "no trace was sent while" in verdict.reason) == (INCONCLUSIVE, True)


class TestLost:
    """The statistic lost_accepted_s."""

    @pytest.mark.parametrize(("lost", "outcome"), [(0, PASSED), (10, PASSED), (11, FAILED)])
    def test_a_second_of_what_is_sent_may_be_lost(self, tmp_path: Path, lost: Any, outcome: Any) -> None:
        verdict = handed_in(KILLED, missing=frozenset(range(90, 90 + lost))).judge(tmp_path)
        assert verdict.outcome is outcome
        assert known(verdict).hi == pytest.approx(lost / 10)
        assert f"{lost} of 400 accepted traces are lost, at 10 a second" in verdict.reason

    def test_what_was_refused_was_never_accepted(self, tmp_path: Path) -> None:
        verdict = handed_in(KILLED, refused_s=(0.0, 5.0)).judge(tmp_path)
        assert (verdict.outcome, verdict.extra["accepted"], len(verdict.extra["refused"])) == (PASSED, 350, 50)


class TestForgotten:
    """The statistic forgotten_traces."""

    def test_what_was_there_is_there_again(self, tmp_path: Path) -> None:
        verdict = restart().judge(tmp_path)
        assert (verdict.outcome, known(verdict).hi) == (PASSED, 0)
        assert "of 50 traces that were there before" in verdict.reason

    @pytest.mark.parametrize(
        "after", [{f"t{i}": 2 for i in range(49)}, {f"t{i}": 2 if i < 49 else 1 for i in range(50)}]
    )
    def test_a_trace_that_is_gone_or_has_lost_a_span_is_named(self, tmp_path: Path, after: Any) -> None:
        verdict = restart(after=after).judge(tmp_path)
        assert (verdict.outcome, known(verdict).hi, verdict.extra["forgotten"]) == (FAILED, 1, ["t49"])

    def test_a_store_that_is_empty_has_forgotten_all(self, tmp_path: Path) -> None:
        assert known(restart(after={}).judge(tmp_path)).hi == 50

    @pytest.mark.parametrize(("count", "outcome"), [(20, PASSED), (19, INCONCLUSIVE)])
    def test_twenty_are_needed(self, tmp_path: Path, count: Any, outcome: Any) -> None:
        assert restart(before={f"t{i}": 1 for i in range(count)}).judge(tmp_path).outcome is outcome

    def test_a_reading_that_was_not_whole_proves_nothing(self, tmp_path: Path) -> None:
        verdict = restart(complete=False, why="it still grew").judge(tmp_path)
        assert (verdict.outcome, "was found after: it still grew" in verdict.reason) == (INCONCLUSIVE, True)

    @pytest.mark.parametrize(("when", "t"), [("before", 1), ("after", 59)])
    def test_a_reading_on_the_wrong_side_of_the_fault_proves_nothing(self, tmp_path: Path, when: str, t: float) -> None:
        case = restart()
        case.events = [event for event in case.events if event.get("when") != when]
        case.events.append(held(when, t, {f"t{i}": 2 for i in range(50)}))
        verdict = case.judge(tmp_path)
        assert (verdict.outcome, f"the reading {when}" in verdict.reason) == (INCONCLUSIVE, True)

    def test_every_workload_must_have_been_hit(self, tmp_path: Path) -> None:
        case = restart()
        next(event for event in case.events if event["kind"] == "fault.started")["target"]["workloads"] = {
            "opensearch": 1
        }
        verdict = case.judge(tmp_path)
        assert (verdict.outcome, "no pod of jaeger-agent, jaeger-collector" in verdict.reason) == (INCONCLUSIVE, True)
