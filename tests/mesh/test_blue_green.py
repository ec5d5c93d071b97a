"""Blue-green: the switch from version 1 to version 2, and the roll back, cost no caller an error.

Method: callers at the gateway and in each zone go on while the weights of the route are exchanged and set back. A
failure names the first requests that failed, or that the version before still answered when it should not any more.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.disruptive, pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("mesh.blue_green")
def test_the_switch_and_the_way_back_cost_no_caller_an_error(experiment: Any) -> None:
    experiment("mesh/blue_green").kept("mesh.blue_green")


@pytest.mark.control
def test_a_switch_to_nobody_is_noticed(experiment: Any) -> None:
    experiment("mesh/blue_green", control="no-green").broke("mesh.blue_green")
