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
    assert (answer.attainable, answer.floor) == (False, pytest.approx(33.333))


def test_a_tier_without_rule_or_endpoints_is_out_of_reach() -> None:
    for kind in ("DestinationRule", "EndpointSlice"):
        assert planned(without(recorded(), kind), "mesh.zone_routing").attainable is False


@pytest.mark.parametrize(("rate_hz", "attainable"), [(7, False), (10, True)])
def test_each_zone_alone_must_send_enough(rate_hz: float, attainable: Any) -> None:
    traffic = {"rate_hz": rate_hz, "duration_s": 600, "callers": CALLERS}
    answer = planned(recorded(), "mesh.zone_routing", traffic=traffic)
    assert answer.attainable is attainable
    assert ("duration_s" in answer.fix) is not attainable
