"""Zone-aware routing: four calls of five stay in the caller's zone, in each zone.

Method: a caller in each zone calls the app tier; each answer's replica is looked up in the recorded places. A
failure says the measured share, or which zone has another one. A replica that came or went meanwhile, or was ejected,
makes the figure inconclusive.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("mesh.zone_routing")
def test_four_calls_of_five_stay_in_their_zone(experiment: Any) -> None:
    experiment("mesh/zones").kept("mesh.zone_routing")


@pytest.mark.control
def test_without_distribute_no_call_leaves_its_zone(experiment: Any) -> None:
    experiment("mesh/zones", control="no-distribute").broke("mesh.zone_routing")
