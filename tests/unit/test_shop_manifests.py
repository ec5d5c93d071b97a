"""The shop's manifests keep what the document promises of them; read as text, without a cluster."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import paths

SHOP, TRAFFIC = paths.DEPLOY / "high_availability", paths.DEPLOY / "istio" / "traffic"
TIERS = {"app": (9, 30), "api": (6, 20), "worker": (6, 20)}


@cache
def _objects(folder: Path) -> list[dict[str, Any]]:
    names = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    return [each for name in names for each in yaml.safe_load_all((folder / name).read_text())]


def _named(folder: Path, kind: str, name: str) -> dict[str, Any]:
    found = [o for o in _objects(folder) if (o["kind"], o["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, f"{kind}/{name} is there {len(found)} times"
    return found[0]


def _seconds(text: str) -> float:
    units = {"ms": 0.001, "s": 1.0}
    unit = "ms" if text.endswith("ms") else "s"
    return float(text.removesuffix(unit)) * units[unit]


@pytest.mark.parametrize("tier", TIERS)
def test_size_budget_and_autoscaler_agree(tier: str) -> None:
    low, high = TIERS[tier]
    deployment = _named(SHOP, "Deployment", tier)["spec"]
    autoscaler = _named(SHOP, "HorizontalPodAutoscaler", tier)["spec"]
    budget = _named(SHOP, "PodDisruptionBudget", tier)["spec"]
    assert (deployment["replicas"], autoscaler["minReplicas"], autoscaler["maxReplicas"]) == (low, low, high)
    assert budget["minAvailable"] == "66%"
    labels = deployment["template"]["metadata"]["labels"].items()
    assert deployment["selector"]["matchLabels"].items() <= labels
    assert budget["selector"]["matchLabels"].items() <= labels
    containers = {container["name"] for container in deployment["template"]["spec"]["containers"]}
    assert {metric["containerResource"]["container"] for metric in autoscaler["metrics"]} == containers


@pytest.mark.parametrize("tier", TIERS)
def test_a_lost_zone_can_be_made_good_in_the_others_within_five_minutes(tier: str) -> None:
    spec = _named(SHOP, "Deployment", tier)["spec"]["template"]["spec"]
    (spread,) = spec["topologySpreadConstraints"]
    assert (spread["maxSkew"], spread["whenUnsatisfiable"], spread["nodeTaintsPolicy"]) == (1, "DoNotSchedule", "Honor")
    assert "minDomains" not in spread
    waits = {toleration["key"]: toleration["tolerationSeconds"] for toleration in spec["tolerations"]}
    assert waits == {"node.kubernetes.io/not-ready": 30, "node.kubernetes.io/unreachable": 30}


@pytest.mark.parametrize("tier", TIERS)
def test_a_pod_has_time_to_drain(tier: str) -> None:
    spec = _named(SHOP, "Deployment", tier)["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    drain_s, shutdown_s = 4, 5
    assert (
        container["lifecycle"]["preStop"]["sleep"]["seconds"] + drain_s + shutdown_s
        < spec["terminationGracePeriodSeconds"]
    )


@pytest.mark.parametrize("tier", TIERS)
def test_every_tier_has_a_switch_that_reaches_unready_pods_by_mutual_tls(tier: str) -> None:
    service = _named(SHOP, "Service", f"{tier}-fault")["spec"]
    assert (service["clusterIP"], service["publishNotReadyAddresses"], service["ports"][0]["port"]) == (
        "None",
        True,
        9090,
    )
    rule = _named(TRAFFIC, "DestinationRule", f"{tier}-fault")["spec"]
    assert rule["host"] == f"{tier}-fault.shop.svc.cluster.local"
    assert rule["trafficPolicy"]["tls"] == {"mode": "ISTIO_MUTUAL"}


@pytest.mark.parametrize("tier", ["app", "api"])
def test_ejection_has_room_for_a_whole_zone_and_lasts_five_minutes(tier: str) -> None:
    policy = _named(TRAFFIC, "DestinationRule", tier)["spec"]["trafficPolicy"]
    outlier, replicas = policy["outlierDetection"], TIERS[tier][0]
    assert 100 * (replicas // 3) / replicas <= outlier["maxEjectionPercent"]
    assert (outlier["consecutive5xxErrors"], outlier["baseEjectionTime"]) == (3, "300s")
    assert policy["connectionPool"]["tcp"]["maxConnections"] == 100
    for zone in policy["loadBalancer"]["localityLbSetting"]["distribute"]:
        assert zone["to"][zone["from"]] == 80
        assert sorted(zone["to"].values()) == [10, 10, 80]


def test_no_call_takes_thirty_seconds_and_an_inner_one_ends_before_its_outer_one() -> None:
    limits: dict[tuple[str, ...], float] = {}
    for name in ("storefront", "api", "releases"):
        for route in _named(TRAFFIC, "VirtualService", name)["spec"]["http"]:
            limits[name, route["name"]] = _seconds(route["timeout"])
            if "perTryTimeout" in route.get("retries", {}):
                limits[name, route["name"], "try"] = _seconds(route["retries"]["perTryTimeout"])
    assert max(limits.values()) < 30
    assert limits["api", "order"] < limits["storefront", "order"]
    assert limits["api", "catalogue", "try"] < limits["storefront", "read", "try"]


def test_writing_is_retried_only_when_no_replica_saw_the_request() -> None:
    for name in ("storefront", "api"):
        routes = {route["name"]: route for route in _named(TRAFFIC, "VirtualService", name)["spec"]["http"]}
        assert set(routes["order"]["retries"]["retryOn"].split(",")) == {
            "connect-failure",
            "refused-stream",
            "reset-before-request",
        }


def test_answers_of_500_are_never_retried_so_that_an_ejection_can_be_seen() -> None:
    for name in ("storefront", "api"):
        for route in _named(TRAFFIC, "VirtualService", name)["spec"]["http"]:
            assert not {"5xx", "500", "retriable-status-codes"} & set(route["retries"]["retryOn"].split(","))


def test_the_canary_is_no_part_of_the_nine() -> None:
    labels = _named(TRAFFIC, "Deployment", "app-canary")["spec"]["template"]["metadata"]["labels"]
    selector = _named(SHOP, "Deployment", "app")["spec"]["selector"]["matchLabels"]
    assert not selector.items() <= labels.items()


def test_nobody_may_speak_to_the_shop_but_by_name() -> None:
    policies = [o for o in _objects(TRAFFIC) if o["kind"] == "AuthorizationPolicy"]
    assert [policy["metadata"]["name"] for policy in policies if policy["spec"] == {}] == ["deny-all"]
    for policy in policies:
        for rule in policy["spec"].get("rules", []):
            assert rule["from"], policy["metadata"]["name"]
            assert rule["to"], policy["metadata"]["name"]
    (switch,) = [policy["spec"]["rules"] for policy in policies if policy["metadata"]["name"] == "fault-switch"]
    assert switch[0]["from"] == [{"source": {"principals": ["cluster.local/ns/chaos/sa/fault-injector"]}}]
    opened = [
        port
        for p in policies
        for r in p["spec"].get("rules", [])
        for to in r["to"]
        for port in to["operation"]["ports"]
    ]
    assert opened.count("9090") == 1


def test_the_route_that_is_traced_whole_is_the_first_that_takes_an_order() -> None:
    taken = {"method": {"exact": "POST"}, "uri": {"exact": "/orders"}}
    for name in ("storefront", "api"):
        routes = _named(TRAFFIC, "VirtualService", name)["spec"]["http"]
        first = next(route for route in routes if "match" not in route or taken in route["match"])
        assert (first["name"], first["match"]) == ("order", [taken])
    patches = _named(paths.DEPLOY / "jaeger", "EnvoyFilter", "trace-critical")["spec"]["configPatches"]
    assert {patch["match"]["context"] for patch in patches} == {"GATEWAY", "SIDECAR_OUTBOUND"}
    for patch in patches:
        assert patch["match"]["routeConfiguration"] == {"vhost": {"route": {"name": "order"}}}
        assert {rate["numerator"] for rate in patch["patch"]["value"]["tracing"].values()} == {100}
