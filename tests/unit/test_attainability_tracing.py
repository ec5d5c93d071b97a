"""Both sides of each boundary that tracing draws."""

from typing import Any

import pytest

from experiments.attainability import shares
from reports.judge.binomial import told_apart
from tests.unit.settings import changed, item, planned, recorded, without

APP = "http://app.shop.svc.cluster.local:8080"


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


def telemetry(namespace: str, **tracing_: Any) -> dict[str, Any]:
    return item("Telemetry", namespace, "own", spec={"tracing": [tracing_]})


@pytest.mark.parametrize(
    ("added", "floor"),
    [
        (telemetry("callers", randomSamplingPercentage=50), 50),
        (telemetry("shop", randomSamplingPercentage=50), 10),  # the first proxy has decided
        (telemetry("callers", disableSpanReporting=True), 0),
        (telemetry("callers", customTags={"a": {}}), None),  # which hides those of the mesh
    ],
)
def test_the_namespace_of_the_first_proxy_decides(objects: Any, added: Any, floor: float | None) -> None:
    answer = planned([*objects, added], "trace.sampling_default")
    assert answer.floor == floor
    assert answer.attainable is (floor == 10)


def test_where_nobody_says_a_rate_it_is_one_percent(objects: Any) -> None:
    assert planned(without(objects, "Telemetry"), "trace.sampling_default").floor == 1


def load(duration_s: float) -> dict[str, Any]:
    names = ("gateway", "us-east-1a", "us-east-1b", "us-east-1c")
    orders = {"orders": {"url": "/orders", "rate_hz": 3, "method": "POST"}}
    inside = {
        f"orders-{name}": {"url": f"{APP}/orders", "zone": name, "rate_hz": 1, "method": "POST"} for name in names[1:]
    }
    browse = dict.fromkeys(names, f"{APP}/browse") | {"gateway": "/browse"}
    return {"rate_hz": 5, "duration_s": duration_s, "callers": {**browse, **orders, **inside}}


def test_too_few_requests_tell_nothing_and_the_fix_is_enough(objects: Any) -> None:
    answer = planned(objects, "trace.sampling_default", traffic=load(10))
    assert answer.attainable is False
    assert "too few to tell 10 % from 5 %" in answer.bound_by
    duration_s = float(answer.fix.removeprefix("duration_s: ").split(",")[0])
    assert planned(objects, "trace.sampling_default", traffic=load(duration_s)).attainable is True
    assert planned(objects, "trace.sampling_critical", traffic=load(10)).fix == "duration_s: at least 34"
    assert planned(objects, "trace.sampling_critical", traffic=load(34)).attainable is True


@pytest.mark.parametrize("n", [50, 200, 400, 600, 700, 800, 1000, 1500])
@pytest.mark.parametrize("other", [1.0, 5.0, 8.0, 20.0])
def test_the_arithmetic_is_the_judges_own(n: int, other: float) -> None:
    assert shares.tells(n, 10, other, 0.001) is told_apart(n, 10, other, 0.001)


def rates(objects: Any, **sampled: Any) -> Any:
    """One rate for the order's route in each context named."""
    changes = [
        {
            "applyTo": "HTTP_ROUTE",
            "match": {"context": context, "routeConfiguration": {"vhost": {"route": {"name": "order"}}}},
            "patch": {"operation": "MERGE", "value": {"tracing": rate}},
        }
        for context, rate in sampled.items()
    ]
    return changed(objects, "EnvoyFilter", "trace-critical", {"spec": {"configPatches": changes}})


ALL = {"random_sampling": {"numerator": 100}}


@pytest.mark.parametrize(
    ("sampled", "floor"),
    [
        ({"GATEWAY": ALL, "SIDECAR_OUTBOUND": ALL}, 0),
        ({"ANY": ALL}, 0),
        ({"GATEWAY": ALL}, 203),  # the orders from inside, 225, stay at 10 %
        ({"SIDECAR_OUTBOUND": ALL}, 203),
        ({"SIDECAR_INBOUND": ALL}, 405),
        ({"ANY": {"random_sampling": {"numerator": 1_000_000, "denominator": "MILLION"}}}, 0),
        ({"ANY": {"random_sampling": {"numerator": 9_900, "denominator": "TEN_THOUSAND"}}}, 5),
        ({"ANY": {**ALL, "overall_sampling": {"numerator": 50}}}, 225),
        ({"ANY": {"client_sampling": {"numerator": 0}}}, 0),
    ],
)
def test_every_first_proxy_needs_the_rate_on_the_critical_route(objects: Any, sampled: Any, floor: int) -> None:
    answer = planned(rates(objects, **sampled), "trace.sampling_critical")
    assert (answer.floor, answer.attainable) == (floor, floor == 0)


def test_a_rate_on_another_route_or_in_another_namespace_is_none(objects: Any) -> None:
    http = [{"name": "renamed", "route": [{"destination": {"host": "app.shop.svc.cluster.local"}}]}]
    renamed = changed(objects, "VirtualService", "storefront", {"spec": {"http": http}})
    assert planned(renamed, "trace.sampling_critical").floor == 405
    moved = changed(objects, "EnvoyFilter", "trace-critical", {"metadata": {"namespace": "shop"}})
    assert planned(moved, "trace.sampling_critical").floor == 405
    there = changed(objects, "EnvoyFilter", "trace-critical", {"metadata": {"namespace": "callers"}})
    assert planned(there, "trace.sampling_critical").floor == 203


def test_a_trace_without_its_tags_or_with_its_headers_removed_is_broken(objects: Any) -> None:
    tags: Any = {"experiment.run": {}, "experiment.request": {}, "cluster": {}, "node": {}}
    few = changed(objects, "Telemetry", "mesh-default", {"spec": {"tracing": [{"customTags": tags}]}})
    answer = planned(few, "trace.propagation")
    assert (answer.floor, answer.fix) == (60, "customTags: tier")
    headers = {"request": {"remove": ["x-debug", "tracestate"]}}
    http = [{"name": "order", "headers": headers, "route": [{"destination": {"host": "app.shop.svc.cluster.local"}}]}]
    removing = changed(objects, "VirtualService", "storefront", {"spec": {"http": http}})
    answer = planned(removing, "trace.propagation")
    assert (answer.floor, answer.attainable) == (60, False)
    assert answer.bound_by == "VirtualService shop/storefront removes tracestate"
