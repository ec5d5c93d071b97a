"""Both sides of each boundary that the mesh's settings draw: ejection, traffic after a zone is lost, mutual TLS."""

from typing import Any

import pytest

from experiments.attainability import mesh
from experiments.traffic import Call
from tests.unit.settings import ZONES, changed, item, planned, recorded, settings, without


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


def detection(**values: Any) -> dict[str, Any]:
    return {"spec": {"trafficPolicy": {"outlierDetection": values}}}


def with_endpoints(objects: Any, each: int) -> Any:
    endpoints = [{"zone": zone} for zone in ZONES for _ in range(each)]
    return changed(objects, "EndpointSlice", "app-x", {"endpoints": endpoints})


@pytest.mark.parametrize(
    ("each", "percent", "attainable"),
    [(3, 10, False), (3, 11, False), (3, 12, True), (2, 16, False), (2, 17, True), (3, 0, False), (3, None, False)],
)
def test_one_may_be_ejected_only_if_its_share_is_within_the_percentage(
    objects: Any, each: int, percent: int | None, attainable: Any
) -> None:
    patched = changed(with_endpoints(objects, each), "DestinationRule", "app", detection(maxEjectionPercent=percent))
    answer = planned(patched, "mesh.ejection")
    assert answer.attainable is attainable
    if not attainable:
        assert answer.floor is None
        assert answer.fix == f"maxEjectionPercent: at least {12 if each == 3 else 17}"


@pytest.mark.parametrize(("percent", "admitted"), [(33, False), (34, True)])
def test_a_whole_zone_of_three_needs_34_percent(objects: Any, percent: int, admitted: Any) -> None:
    (rule,) = [
        each
        for each in changed(objects, "DestinationRule", "app", detection(maxEjectionPercent=percent))
        if each["kind"] == "DestinationRule" and each["metadata"]["name"] == "app"
    ]
    told = mesh.obstacle(rule, "app.shop.svc.cluster.local", 3, 9)
    assert (told is None) is admitted


@pytest.mark.parametrize(
    ("errors", "attainable", "fix"),
    # The gateway's pods see one replica of another zone 0.2233 times a second: 13 errors take 58.2 s, 14 take 62.7 s.
    [(13, True, ""), (14, False, "consecutive5xxErrors: at most 13"), (0, False, "consecutive5xxErrors: 3")],
)
def test_the_client_that_calls_least_often_decides_how_soon(
    objects: Any, errors: int, attainable: Any, fix: str
) -> None:
    answer = planned(
        changed(objects, "DestinationRule", "app", detection(consecutive5xxErrors=errors)), "mesh.ejection"
    )
    assert (answer.attainable, answer.fix) == (attainable, fix)


def test_the_floor_is_errors_times_endpoints_over_the_rate_where_all_replicas_are_called_alike(objects: Any) -> None:
    even = {"spec": {"trafficPolicy": {"loadBalancer": {"localityLbSetting": {"enabled": False, "distribute": None}}}}}
    traffic = {"rate_hz": 15, "duration_s": 300, "callers": {"us-east-1a": "http://app.shop.svc.cluster.local:8080/"}}
    answer = planned(changed(objects, "DestinationRule", "app", even), "mesh.ejection", traffic=traffic)
    assert answer.floor == pytest.approx(3 * 9 / 15)


def test_callers_that_are_too_slow_are_told_their_rate(objects: Any) -> None:
    traffic = {"rate_hz": 0.05, "duration_s": 300, "callers": {"us-east-1a": "http://app.shop.svc.cluster.local:8080/"}}
    patched = changed(objects, "DestinationRule", "app", detection(consecutive5xxErrors=1))
    answer = planned(patched, "mesh.ejection", traffic=traffic)
    assert answer.attainable is False
    assert answer.fix == "rate_hz in the document: more than 0.0625 a second through us-east-1a"


def test_with_locality_failover_nobody_calls_another_zone(objects: Any) -> None:
    patched = changed(
        objects, "DestinationRule", "app", {"spec": {"trafficPolicy": {"loadBalancer": {"localityLbSetting": None}}}}
    )
    answer = planned(patched, "mesh.ejection")
    assert answer.attainable is False
    assert "never calls the replicas of another zone" in answer.bound_by


@pytest.mark.parametrize(("least", "attainable"), [(88, True), (89, False)])
def test_too_few_healthy_replicas_switch_ejection_off(objects: Any, least: int, attainable: Any) -> None:
    patched = changed(objects, "DestinationRule", "app", detection(minHealthPercent=least))
    assert planned(patched, "mesh.ejection").attainable is attainable


def test_a_host_without_rule_or_endpoints_ejects_nobody(objects: Any) -> None:
    assert "no DestinationRule" in planned(without(objects, "DestinationRule", "app"), "mesh.ejection").bound_by
    assert "no endpoint" in planned(without(objects, "EndpointSlice"), "mesh.ejection").bound_by


def test_replicas_that_are_not_ready_do_not_count(objects: Any) -> None:
    endpoints = [{"zone": zone, "conditions": {"ready": zone != ZONES[0]}} for zone in ZONES for _ in range(3)]
    patched = changed(objects, "EndpointSlice", "app-x", {"endpoints": endpoints})
    patched = changed(patched, "DestinationRule", "app", detection(maxEjectionPercent=16))
    assert "of 6 endpoints" in planned(patched, "mesh.ejection").bound_by


@pytest.mark.parametrize("errors", [2, 3, 4, 0])
def test_exactly_three_errors_eject(objects: Any, errors: int) -> None:
    patched = changed(objects, "DestinationRule", "app", detection(consecutive5xxErrors=errors))
    answer = planned(patched, "mesh.ejection_threshold")
    assert (answer.attainable, answer.fix) == (errors == 3, "" if errors == 3 else "consecutive5xxErrors: 3")


@pytest.mark.parametrize(
    ("base", "sweep", "attainable", "fix"),
    [
        ("299s", "5s", False, "baseEjectionTime: 300s"),
        ("300s", "5s", True, ""),
        ("5m", "10s", True, ""),
        ("300s", "11s", False, "baseEjectionTime and interval: at most 310 s together"),
        (None, "5s", False, "baseEjectionTime: 300s"),
        ("300s", None, True, ""),
    ],
)
def test_an_ejected_replica_is_out_for_the_base_time_and_back_at_the_next_sweep(
    objects: Any, base: str | None, sweep: str | None, attainable: Any, fix: str
) -> None:
    patched = changed(objects, "DestinationRule", "app", detection(baseEjectionTime=base, interval=sweep))
    answer = planned(patched, "mesh.ejection_hold")
    assert (answer.attainable, answer.fix) == (attainable, fix)


@pytest.mark.parametrize("target", ["mesh.ejection_threshold", "mesh.ejection_hold"])
def test_who_may_not_be_ejected_is_not_kept_out_either(objects: Any, target: str) -> None:
    answer = planned(changed(objects, "DestinationRule", "app", detection(maxEjectionPercent=10)), target)
    assert (answer.attainable, answer.fix) == (False, "maxEjectionPercent: at least 12")


# ---- traffic after a zone is lost


def without_gateway_in_zone(objects: Any) -> Any:
    endpoints = [{"zone": zone} for zone in ("us-east-1a", "us-east-1c")]
    return changed(objects, "EndpointSlice", "istio-ingressgateway-x", {"endpoints": endpoints})


def without_retries(objects: Any) -> Any:
    route = [{"destination": {"host": "app.shop.svc.cluster.local"}}]
    http = [{"name": "all", "route": route, "timeout": "10s", "retries": {"attempts": 0}}]
    return changed(objects, "VirtualService", "storefront", {"spec": {"http": http}})


def test_a_retry_elsewhere_is_the_quickest_way_out(objects: Any) -> None:
    answer = planned(without_gateway_in_zone(objects), "ha.failover_traffic")
    assert answer.floor == 2
    assert "perTryTimeout 2 s" in answer.bound_by


def test_without_retries_it_is_ejection(objects: Any) -> None:
    answer = planned(without_retries(without_gateway_in_zone(objects)), "ha.failover_traffic")
    # 1 s until a connection is given up, then 3 errors at (10 + 3 x 1.7) / 2 pods x 10 % / 3 replicas a second.
    assert answer.floor == pytest.approx(1 + 3 / (15.1 / 2 * 0.1 / 3), abs=0.01)


def test_without_either_it_is_the_nodes_grace_period(objects: Any) -> None:
    patched = without_retries(without_gateway_in_zone(objects))
    patched = changed(patched, "DestinationRule", "app", {"spec": {"trafficPolicy": {"outlierDetection": None}}})
    answer = planned(patched, "ha.failover_traffic")
    assert answer.floor == 40
    assert "Service shop/app" in answer.bound_by


@pytest.mark.parametrize(("grace", "attainable"), [("309s", True), ("5m10s", False)])
def test_a_gateway_pod_of_the_zone_is_met_until_its_node_is_not_ready(
    objects: Any, grace: str, attainable: Any
) -> None:
    container = {"name": "c", "command": ["kube-controller-manager", f"--node-monitor-grace-period={grace}"]}
    patched = changed(objects, "Pod", "", {"spec": {"containers": [container]}})
    answer = planned(patched, "ha.failover_traffic")
    assert answer.attainable is attainable
    assert "istio-ingressgateway" in answer.bound_by
    assert answer.fix == ("" if attainable else "kube-controller-manager --node-monitor-grace-period: at most 295s")


@pytest.mark.parametrize(("tolerated_s", "floor"), [(259, 299), (260, 300), (None, None)])
def test_a_service_that_publishes_dead_endpoints_waits_for_their_deletion(
    objects: Any, tolerated_s: int | None, floor: float | None
) -> None:
    patched = without_retries(without_gateway_in_zone(objects))
    patched = changed(patched, "DestinationRule", "app", {"spec": {"trafficPolicy": {"outlierDetection": None}}})
    patched = changed(patched, "Service", "app", {"spec": {"publishNotReadyAddresses": True}})
    toleration: dict[str, Any] = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
    toleration |= {} if tolerated_s is None else {"tolerationSeconds": tolerated_s}
    patched = changed(patched, "Deployment", "app", {"spec": {"template": {"spec": {"tolerations": [toleration]}}}})
    answer = planned(patched, "ha.failover_traffic")
    assert answer.floor == floor
    assert answer.attainable is (floor == 299)


# ---- where a call goes


def virtual_service(name: str, **spec: Any) -> dict[str, Any]:
    return item("VirtualService", "shop", name, spec=spec)


TO_APP = [{"destination": {"host": "app.shop.svc.cluster.local"}}]


@pytest.mark.parametrize(
    ("url", "zone", "method", "found"),
    [
        ("/browse", None, "GET", "read"),
        ("/orders", None, "POST", "order"),
        ("/orders/7", None, "GET", "other"),
        ("/release/canary/", None, "GET", "canary"),
        ("http://app.shop.svc.cluster.local:8080/browse", ZONES[0], "GET", "read"),
        ("http://api.shop.svc.cluster.local:8080/catalogue", ZONES[0], "GET", "catalogue"),
        ("http://worker.shop.svc.cluster.local:8080/", ZONES[0], "GET", None),
    ],
)
def test_a_call_is_followed_through_delegates_to_its_rule(
    objects: Any, url: str, zone: str | None, method: Any, found: str | None
) -> None:
    route = mesh.route_of(settings(objects), Call(url=url, zone=zone, method=method))
    assert (route and route.rule["name"]) == found


def test_a_short_host_is_one_of_its_own_namespace_and_a_missing_delegate_leads_nowhere() -> None:
    inside = Call(url="http://app.shop.svc.cluster.local:8080/", zone=ZONES[0])
    short = virtual_service("a", hosts=["app"], http=[{"name": "all", "route": TO_APP}])
    assert mesh.route_of(settings([short]), inside) is not None
    assert mesh.route_of(settings([short]), Call(url="/", zone=None)) is None  # the gateway does not ask it
    lost = virtual_service("b", gateways=["shop"], hosts=["*"], http=[{"delegate": {"name": "gone"}}])
    assert mesh.route_of(settings([lost]), Call(url="/", zone=None)) is None
    picky = virtual_service("c", hosts=["app"], http=[{"match": [{"headers": {"x": {"exact": "1"}}}], "route": TO_APP}])
    assert mesh.route_of(settings([picky]), inside) is None
    asking = inside.model_copy(update={"headers": {"x": "1"}})
    assert (mesh.route_of(settings([picky]), asking) or mesh.Route({}, {})).service is picky


# ---- a replica that never answers


@pytest.mark.parametrize(
    ("rule", "error_s"),
    [
        ({"timeout": "10s", "retries": {"attempts": 3, "perTryTimeout": "2s"}}, 2),
        ({"timeout": "5s"}, 5),
        ({"timeout": "6s"}, None),  # as long as the callers wait
        ({}, None),
    ],
)
def test_a_silent_replica_is_ejected_only_by_who_gives_it_up(objects: Any, rule: Any, error_s: float | None) -> None:
    route = [{"destination": {"host": "app.shop.svc.cluster.local"}}]
    http = [{"name": "all", "route": route, **rule}]
    answer = planned(
        changed(objects, "VirtualService", "storefront", {"spec": {"http": http}}), "mesh.ejection_timeout"
    )
    assert answer.attainable is (error_s is not None)
    if error_s is None:
        assert "gives up a replica that never answers" in answer.bound_by
    else:  # the gateway's pods see one replica of another zone 0.1667 times a second
        assert answer.floor == pytest.approx(3 / (15 / 3 * 0.1 / 3) + error_s, abs=0.01)
