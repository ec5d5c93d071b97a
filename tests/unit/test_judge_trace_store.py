"""What the tracing store keeps: good records, each way to be bad, and both sides of each limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome
from tests.unit.records import known
from tests.unit.records_trace_store import held, restart

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE
DELETED, KILLED = "tracing/collectors", "tracing/collector_crash"


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
