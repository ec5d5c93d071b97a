"""The statistics of tracing on good records, on each way to be bad, and exactly at the binomial boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome, figure
from tests.unit.records import Case, known
from tests.unit.records_tracing import (
    ORDERERS,
    WAY,
    ordered,
    propagation,
    requests,
    roots,
    sampling,
    searched,
    shares,
    span,
    trace,
    whole,
)

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


class TestDefault:
    """The statistic traced_percent."""

    # The central acceptance of 10 % at 1e-3 for n = 1000 is 70 to 132 (research/mission.md, 4.6).
    @pytest.mark.parametrize(
        ("counts", "outcome"),
        [((19, 17), PASSED), ((18, 17), FAILED), ((33, 33), PASSED), ((34, 33), FAILED), ((25, 25), PASSED)],
    )
    def test_the_exact_binomial_boundary(self, tmp_path: Path, counts: Any, outcome: Any) -> None:
        verdict = sampling(shares(*counts), each=250).judge(tmp_path)
        assert verdict.outcome is outcome
        assert known(verdict).at == pytest.approx((counts[0] + 3 * counts[1]) / 10)

    def test_it_reads_as_a_measured_share_with_its_interval(self, tmp_path: Path) -> None:
        verdict = sampling(shares(39, 39)).judge(tmp_path)
        assert figure(verdict.measured, verdict.unit) == "10.4 (8.0 to 13.2) %"
        assert "156 of 1500 requests; exact 99.9 % confidence interval" in verdict.reason
        assert verdict.extra["traced"]["us-east-1b"] == "39 of 375 (10.4 %)"

    @pytest.mark.parametrize("counts", [(4, 4), (375, 375), (19, 19), (75, 75)])
    def test_one_five_twenty_and_a_hundred_percent_fail(self, tmp_path: Path, counts: Any) -> None:
        assert sampling(shares(*counts)).judge(tmp_path).outcome is FAILED

    def test_a_first_proxy_that_traces_nothing_is_not_hidden_by_the_others(self, tmp_path: Path) -> None:
        verdict = sampling(shares(0, 48)).judge(tmp_path)
        assert (verdict.outcome, "first proxy of gateway traced 0 of 375" in verdict.reason) == (FAILED, True)

    def test_a_first_proxy_from_which_nothing_arrives_is_not_said_to_trace_too_little(self, tmp_path: Path) -> None:
        events = searched(roots(us_east_1a=50, us_east_1b=50, us_east_1c=50))
        verdict = sampling(events).judge(tmp_path)
        assert (verdict.outcome, "not one trace begins at gateway" in verdict.reason) == (INCONCLUSIVE, True)

    def test_decisions_are_counted_and_not_spans_or_fragments(self, tmp_path: Path) -> None:
        twice = [trace(f"again-{i}", event["spans"]) for i, event in enumerate(roots(gateway=38))]
        inner = [trace(f"in-{i}", [span(1, "app", 0, **{"experiment.request": f"gateway-{i}"})]) for i in range(200)]
        events = searched([*roots(gateway=38, us_east_1a=38, us_east_1b=38, us_east_1c=38), *twice, *inner])
        assert known(sampling(events).judge(tmp_path)).at == pytest.approx(100 * 152 / 1500)

    def test_too_few_requests_tell_nothing(self, tmp_path: Path) -> None:
        verdict = sampling(shares(10, 10), each=100).judge(tmp_path)
        assert (verdict.outcome, "too few to tell 10 % from 5 %" in verdict.reason) == (INCONCLUSIVE, True)

    @pytest.mark.parametrize(
        ("events", "reason"),
        [
            ([], "nobody looked"),
            (searched([]), "no trace of this run at all"),
            (searched(roots(gateway=150), complete=False, why="a page was full"), "a page was full"),
            (searched(roots(gateway=150), traces=151), "holds 150 of 151"),
        ],
    )
    def test_what_was_not_wholly_observed_is_inconclusive(self, tmp_path: Path, events: Any, reason: Any) -> None:
        verdict = sampling(events).judge(tmp_path)
        assert (verdict.outcome, reason in verdict.reason) == (INCONCLUSIVE, True)

    @pytest.mark.parametrize(("lag_s", "outcome"), [(1.9, PASSED), (2.1, INCONCLUSIVE)])
    def test_a_late_request_is_counted_like_any_other_unless_its_caller_starved(
        self, tmp_path: Path, lag_s: Any, outcome: Any
    ) -> None:
        case = sampling(shares(38, 38))
        for sample in case.callers["us-east-1a"]:
            sample["sent"] += lag_s
            sample["done"] += lag_s
        assert case.judge(tmp_path).outcome is outcome

    def test_a_missing_caller_is_inconclusive(self, tmp_path: Path) -> None:
        case = sampling(shares(38, 38))
        del case.callers["us-east-1c"]
        assert case.judge(tmp_path).outcome is INCONCLUSIVE


class TestCritical:
    """The statistic untraced_requests."""

    @staticmethod
    def case(*traced: int, **changes: Any) -> Case:
        names = [name.replace("-", "_") for name in ORDERERS]
        events = searched(roots(**dict(zip(names, traced, strict=True))), **changes)
        return sampling(events, target="trace.sampling_critical")

    def test_every_order_has_a_trace(self, tmp_path: Path) -> None:
        verdict = self.case(60, 60, 60, 60).judge(tmp_path)
        assert (verdict.outcome, "of 240 acknowledged" in verdict.reason) == (PASSED, True)

    def test_one_order_without_a_trace_is_named(self, tmp_path: Path) -> None:
        verdict = self.case(60, 60, 59, 60).judge(tmp_path)
        assert (verdict.outcome, known(verdict).hi) == (FAILED, 1)
        assert verdict.extra["untraced"] == ["orders-us-east-1b-59"]

    def test_an_order_that_was_not_acknowledged_does_not_count(self, tmp_path: Path) -> None:
        case = self.case(60, 60, 59, 60)
        case.callers["orders-us-east-1b"][59]["status"] = 503
        assert case.judge(tmp_path).outcome is PASSED

    def test_too_few_orders_prove_nothing(self, tmp_path: Path) -> None:
        case = self.case(60, 60, 60, 60)
        case.callers |= {name: requests(49, 201) for name in ORDERERS}
        assert case.judge(tmp_path).outcome is INCONCLUSIVE


class TestPropagation:
    """The statistic broken_traces."""

    def test_fifty_whole_traces(self, tmp_path: Path) -> None:
        verdict = propagation(ordered()).judge(tmp_path)
        assert (verdict.outcome, known(verdict).hi) == (PASSED, 0)

    @pytest.mark.parametrize(
        ("spoil", "wrong"),
        [
            (lambda spans: [s for s in spans if s["service"] != "worker"], "no span of worker"),
            (lambda spans: spans[:-1], "no database call of api"),
            (lambda spans: [s for s in spans if s["id"] != "s3"], "api step hangs in the air"),
            (lambda spans: spans[1:], "0 first spans"),
            (lambda spans: [*spans, span(11, "api", None)], "2 first spans"),
            (lambda spans: [span(0, WAY[0], None), *spans[1:]], "first span without cluster, experiment.request"),
            (lambda spans: [*spans, span(8, "app", 2, **{"experiment.request": "x-1"})], "with 1 other requests"),
        ],
    )
    def test_a_spoiled_trace_is_named(self, tmp_path: Path, spoil: Any, wrong: Any) -> None:
        traces = ordered()
        traces[7]["spans"] = spoil(traces[7]["spans"])
        verdict = propagation(traces).judge(tmp_path)
        assert (verdict.outcome, known(verdict).hi) == (FAILED, 1)
        assert "orders-107: " in verdict.reason
        assert wrong in verdict.reason

    def test_a_trace_split_in_two(self, tmp_path: Path) -> None:
        traces = ordered()
        first, second = traces[7]["spans"][:1], [{**s, "parent": None} for s in traces[7]["spans"][1:2]]
        traces[7]["spans"] = first
        verdict = propagation([*traces, trace("half", [*second, *whole("orders-107")[2:]])]).judge(tmp_path)
        assert (verdict.outcome, "orders-107: split into 2 traces" in verdict.reason) == (FAILED, True)

    def test_a_lost_trace(self, tmp_path: Path) -> None:
        verdict = propagation(ordered()[:-1]).judge(tmp_path)
        assert (verdict.outcome, "orders-149: no trace" in verdict.reason) == (FAILED, True)

    def test_the_same_trace_twice_in_the_record_is_one(self, tmp_path: Path) -> None:
        case = propagation(ordered())
        case.events.append(trace("t103", whole("orders-103")))
        assert case.judge(tmp_path).outcome is PASSED
