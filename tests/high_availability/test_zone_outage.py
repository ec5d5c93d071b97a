"""A zone outage: callers elsewhere recover, and the other two zones take over all replicas, within five minutes.

Method: every node of one zone is frozen while callers in the others go on. Traffic and capacity are separate figures of
one run. If traffic is late, look at ejection and connect time-outs; if capacity is, at grace period and tolerations.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.disruptive, pytest.mark.slow, pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("ha.failover_traffic")
def test_callers_in_the_other_zones_recover(experiment: Any) -> None:
    experiment("high_availability/zone_outage").kept("ha.failover_traffic")


@pytest.mark.verifies("ha.failover_capacity")
def test_every_tier_is_whole_again_outside_the_zone(experiment: Any) -> None:
    experiment("high_availability/zone_outage").kept("ha.failover_capacity")


@pytest.mark.control
def test_without_failover_the_errors_go_on(experiment: Any) -> None:
    experiment("high_availability/zone_outage", control="unprotected").broke("ha.failover_traffic")


@pytest.mark.control
def test_with_default_tolerations_capacity_comes_too_late(experiment: Any) -> None:
    experiment("high_availability/zone_outage", control="unprotected").broke("ha.failover_capacity")
