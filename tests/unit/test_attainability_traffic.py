"""Both sides of each boundary of routes, pools and buckets: retries, gaps, the end of a call, connections, floods."""

from typing import Any

import pytest

from experiments.attainability.retries import longer_percent
from tests.unit.settings import changed, planned, recorded, without

TO_APP = [{"destination": {"host": "app.shop.svc.cluster.local"}}]


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


def route(objects: Any, **rule: Any) -> Any:
    http = [{"name": "all", "route": TO_APP, **rule}]
    return changed(objects, "VirtualService", "storefront", {"spec": {"http": http}})


def retries(attempts: int, on: str = "gateway-error", **more: Any) -> dict[str, Any]:
    return {"retries": {"attempts": attempts, "retryOn": on, **more}}


@pytest.mark.parametrize(
    ("rule", "attainable"),
    [
        (retries(1), True),
        (retries(0), False),
        (retries(1, "5xx"), True),
        (retries(1, "connect-failure,503"), True),
        (retries(3, "connect-failure,reset"), False),
        ({}, False),
        ({"retries": {"attempts": 3}}, False),  # Istio's own conditions leave a 503 out
    ],
)
def test_a_503_must_be_tried_again(objects: Any, rule: Any, attainable: Any) -> None:
    answer = planned(route(objects, **rule), "mesh.retry")
    assert answer.attainable is attainable
    assert bool(answer.fix) is not attainable
    assert "VirtualService shop/storefront route all" in answer.bound_by


def test_without_a_route_istio_s_own_retries_leave_a_503_out(objects: Any) -> None:
    answer = planned(without(objects, "VirtualService"), "mesh.retry")
    assert answer.attainable is False
    assert "without a VirtualService" in answer.bound_by


@pytest.mark.parametrize(("attempts", "floor"), [(1, None), (2, 75), (3, 87.5), (5, 95)])
def test_two_gaps_are_needed_to_see_them_grow(objects: Any, attempts: int, floor: float | None) -> None:
    answer = planned(route(objects, **retries(attempts)), "mesh.retry_backoff")
    assert (answer.floor, answer.attainable) == (floor, floor is not None)


def test_gaps_stop_growing_at_ten_times_the_first() -> None:
    assert longer_percent(10) == 95


@pytest.mark.parametrize(
    ("rule", "floor", "attainable"),
    [
        ({"timeout": "29.9s"}, 29.9, True),
        ({"timeout": "30s"}, 30, False),
        ({"timeout": "60s", **retries(3, perTryTimeout="7s")}, 28, True),
        ({"timeout": "60s", **retries(3, perTryTimeout="8s")}, 32, False),
        ({"timeout": "60s", **retries(3, "refused-stream", perTryTimeout="8s")}, 8, True),
        (retries(3, perTryTimeout="8s"), 32, False),
        ({}, None, True),  # the app's own patience ends it, which no setting shows
    ],
)
def test_a_call_ends_with_its_time_out_or_its_last_try(
    objects: Any, rule: Any, floor: float | None, attainable: Any
) -> None:
    answer = planned(route(objects, **rule), "mesh.retry_timeout")
    assert (answer.floor, answer.attainable) == (floor, attainable)
    assert answer.fix == ("" if attainable else "timeout: less than 30s")


@pytest.mark.parametrize(("most", "floor"), [(99, 99), (100, 100), (101, 101), (1000, 300), (None, 300)])
def test_a_burst_opens_as_many_connections_as_the_pool_lets_it(objects: Any, most: int | None, floor: int) -> None:
    pool = {"spec": {"trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": most}}}}}
    answer = planned(changed(objects, "DestinationRule", "app", pool), "mesh.connection_pool")
    assert (answer.floor, answer.attainable) == (floor, floor <= 100)


def test_without_a_rule_there_is_no_pool(objects: Any) -> None:
    answer = planned(without(objects, "DestinationRule"), "mesh.connection_pool")
    assert (answer.floor, answer.attainable) == (300, False)
    assert "no DestinationRule is for app.shop.svc.cluster.local" in answer.bound_by


def bucket(objects: Any, most: int, each: int, interval: str = "1s") -> Any:
    config = {"token_bucket": {"max_tokens": most, "tokens_per_fill": each, "fill_interval": interval}}
    value = {"name": "envoy.filters.http.local_ratelimit", "typed_config": config}
    patches = [{"applyTo": "HTTP_FILTER", "patch": {"operation": "INSERT_FIRST", "value": value}}]
    return changed(objects, "EnvoyFilter", "rate-limit", {"spec": {"configPatches": patches}})


@pytest.mark.parametrize(
    ("most", "each", "interval", "floor"),
    [
        (100, 100, "1s", 0),
        (200, 100, "1s", 0),  # 4 s are filled in four times, and five times may be
        (201, 100, "1s", 1),
        (100, 126, "1s", 4),
        (100, 10, "100ms", 0),
        (40, 10, "1s", 0),
        (39, 10, "1s", 2),  # 80 requests below the limit, twice
    ],
)
def test_a_bucket_may_be_neither_too_large_nor_too_small(
    objects: Any, most: int, each: int, interval: str, floor: int
) -> None:
    answer = planned(bucket(objects, most, each, interval), "mesh.rate_limit")
    assert (answer.floor, answer.attainable) == (floor, floor == 0)


def test_without_a_bucket_all_of_the_flood_passes(objects: Any) -> None:
    answer = planned(without(objects, "EnvoyFilter", "rate-limit"), "mesh.rate_limit")
    assert (answer.floor, answer.attainable) == (600, False)
