"""Both sides of each boundary that the settings draw for which replica is chosen."""

from typing import Any

import pytest

from tests.unit.settings import ZONES, changed, planned, recorded, without

CALLERS = dict.fromkeys(ZONES, "http://app.shop.svc.cluster.local:8080/")


def distributed(**local: int) -> Any:
    """The platform with other weights for one's own zone."""
    entries = []
    for zone in ZONES:
        percent = local.get(zone.replace("-", "_"), 80)
        to = {f"us-east-1/{other}/*": percent if other == zone else (100 - percent) // 2 for other in ZONES}
        entries.append({"from": f"us-east-1/{zone}/*", "to": to})
    setting = {"loadBalancer": {"localityLbSetting": {"distribute": entries}}}
    return changed(recorded(), "DestinationRule", "app", {"spec": {"trafficPolicy": setting}})


@pytest.mark.parametrize(("percent", "attainable"), [(78, False), (80, True), (82, False)])
def test_one_zone_with_another_weight_is_seen(percent: int, attainable: Any) -> None:
    answer = planned(distributed(us_east_1b=percent), "mesh.zone_routing")
    assert (answer.attainable, answer.floor) == (attainable, percent)
    assert ("us-east-1b" in answer.bound_by) is not attainable


def test_without_locality_each_replica_gets_the_same() -> None:
    even = {"spec": {"trafficPolicy": {"loadBalancer": {"localityLbSetting": {"enabled": False}}}}}
    answer = planned(changed(recorded(), "DestinationRule", "app", even), "mesh.zone_routing")
    assert answer.attainable is False
    assert answer.floor == pytest.approx(33.333)


def test_a_tier_without_rule_or_endpoints_is_out_of_reach() -> None:
    for kind in ("DestinationRule", "EndpointSlice"):
        assert planned(without(recorded(), kind), "mesh.zone_routing").attainable is False


@pytest.mark.parametrize(("rate_hz", "attainable"), [(5, False), (8, True)])
def test_each_zone_alone_must_send_enough(rate_hz: float, attainable: Any) -> None:
    traffic = {"rate_hz": rate_hz, "duration_s": 600, "callers": CALLERS}
    answer = planned(recorded(), "mesh.zone_routing", traffic=traffic)
    assert answer.attainable is attainable
    assert ("duration_s" in answer.fix) is not attainable


# ---- the policy


def policy(app: str, **balancer: Any) -> Any:
    """The platform with another load balancer for a tier; None takes a field away."""
    patch = {"simple": None, **balancer}
    return changed(recorded(), "DestinationRule", app, {"spec": {"trafficPolicy": {"loadBalancer": patch}}})


@pytest.mark.parametrize(
    ("balancer", "turns", "slow"),
    [
        ({"simple": "ROUND_ROBIN"}, True, False),
        ({"simple": "LEAST_REQUEST"}, False, True),
        ({"simple": "LEAST_CONN"}, False, True),
        ({"simple": "RANDOM"}, False, False),
        ({}, False, True),  # Istio's default is LEAST_REQUEST
        ({"consistentHash": {"useSourceIp": True}}, False, False),
    ],
)
def test_each_policy_promises_its_own(balancer: dict[str, Any], turns: Any, slow: Any) -> None:
    in_turn = planned(policy("app", **balancer), "mesh.round_robin")
    assert (in_turn.attainable, in_turn.floor) == (turns, 100.0 if turns else 44.444)
    spared = planned(policy("api", **balancer), "mesh.least_request")
    assert (spared.attainable, spared.floor) == (slow, None if slow else 100.0)


def test_without_another_replica_in_its_zone_nobody_takes_the_slow_ones_calls() -> None:
    alone = {"endpoints": [{"zone": zone} for zone in ZONES]}
    assert planned(changed(recorded(), "EndpointSlice", "api-x", alone), "mesh.least_request").attainable is False
    assert planned(without(recorded(), "EndpointSlice"), "mesh.round_robin").attainable is False
