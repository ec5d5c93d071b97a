"""The statistics of tracing on good records, on each way to be bad, and exactly at the binomial boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome, figure
from tests.unit.records import T0, ZONES, Case, known

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE
BROWSERS = ("gateway", *ZONES)
ORDERERS = ("orders", *(f"orders-{zone}" for zone in ZONES))
WAY = ("istio-ingressgateway.istio-system", "app.shop", "app", "api.shop", "api", "worker")


def requests(count: int, status: int = 200) -> list[dict[str, Any]]:
    due = [T0 + i / 10 for i in range(count)]
    return [{"i": i, "due": t, "sent": t + 0.001, "done": t + 0.01, "status": status} for i, t in enumerate(due)]


def span(number: int, service: str, parent: int | None, **tags: str) -> dict[str, Any]:
    return {
        "id": f"s{number}",
        "service": service,
        "operation": "step",
        "parent": None if parent is None else f"s{parent}",
        "tags": tags,
    }


def whole(mark: str) -> list[dict[str, Any]]:
    """The spans of an order as they should be; the gateway's and the first proxy's carry its mark."""
    marked = {"experiment.request": mark, "experiment.run": "r", "cluster": "c", "node": "n", "tier": "t"}
    spans = [span(k, service, k - 1 if k else None, **(marked if k < 2 else {})) for k, service in enumerate(WAY)]
    asking = {"db.system": "postgresql"}
    return [*spans, span(10, "worker", 5, **asking), span(9, "api", 4, **asking)]


def trace(name: str, spans: list[dict[str, Any]]) -> dict[str, Any]:
    return {"t": T0 + 90, "kind": "trace", "id": name, "spans": spans}


def searched(held: list[dict[str, Any]], **changes: Any) -> list[dict[str, Any]]:
    found = {"t": T0 + 99, "kind": "trace.search", "run": "r", "traces": len(held), "complete": True, "why": ""}
    return [*held, found | changes]


def roots(**traced: int) -> list[dict[str, Any]]:
    """One trace for each of the first requests of a caller (underscores for dashes)."""
    marks = [f"{name.replace('_', '-')}-{i}" for name, count in traced.items() for i in range(count)]
    return [trace(mark, [span(0, "first", None, **{"experiment.request": mark})]) for mark in marks]


def sampling(events: list[dict[str, Any]], each: int = 375, target: str = "trace.sampling_default") -> Case:
    callers = {name: requests(each) for name in BROWSERS} | {name: requests(60, 201) for name in ORDERERS}
    return Case("tracing/sampling", [target], events, callers=callers)


def shares(gateway: int, zone: int) -> list[dict[str, Any]]:
    return searched(roots(gateway=gateway, us_east_1a=zone, us_east_1b=zone, us_east_1c=zone, orders=1))


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

    @staticmethod
    def case(traces: list[dict[str, Any]]) -> Case:
        return Case(
            "tracing/propagation", ["trace.propagation"], searched(traces), callers={"orders": requests(150, 201)}
        )

    @staticmethod
    def good() -> list[dict[str, Any]]:
        """A trace of each order from the tenth second on, at ten a second."""
        return [trace(f"t{i}", whole(f"orders-{i}")) for i in range(100, 150)]

    def test_fifty_whole_traces(self, tmp_path: Path) -> None:
        verdict = self.case(self.good()).judge(tmp_path)
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
        traces = self.good()
        traces[7]["spans"] = spoil(traces[7]["spans"])
        verdict = self.case(traces).judge(tmp_path)
        assert (verdict.outcome, known(verdict).hi) == (FAILED, 1)
        assert "orders-107: " in verdict.reason
        assert wrong in verdict.reason

    def test_a_trace_split_in_two(self, tmp_path: Path) -> None:
        traces = self.good()
        first, second = traces[7]["spans"][:1], [{**s, "parent": None} for s in traces[7]["spans"][1:2]]
        traces[7]["spans"] = first
        verdict = self.case([*traces, trace("half", [*second, *whole("orders-107")[2:]])]).judge(tmp_path)
        assert (verdict.outcome, "orders-107: split into 2 traces" in verdict.reason) == (FAILED, True)

    def test_a_lost_trace(self, tmp_path: Path) -> None:
        verdict = self.case(self.good()[:-1]).judge(tmp_path)
        assert (verdict.outcome, "orders-149: no trace" in verdict.reason) == (FAILED, True)

    def test_the_same_trace_twice_in_the_record_is_one(self, tmp_path: Path) -> None:
        case = self.case(self.good())
        case.events.append(trace("t103", whole("orders-103")))
        assert case.judge(tmp_path).outcome is PASSED
