"""Load balancing: the app's replicas are called in turn, and a slow replica of the api gets less than its share.

Method: callers in each zone while one api replica waits 0.4 s before each answer. Whose turn it was is read from the
app's answers, what the api's replicas got from their own counts. A failure says the share of calls in turn, or the slow
replica's part of its fair share.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.disruptive, pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("mesh.round_robin")
def test_each_replica_of_the_app_is_called_in_its_turn(experiment: Any) -> None:
    experiment("mesh/load_balancing").kept("mesh.round_robin")


@pytest.mark.verifies("mesh.least_request")
def test_a_slow_replica_of_the_api_is_called_less(experiment: Any) -> None:
    experiment("mesh/load_balancing").kept("mesh.least_request")


@pytest.mark.control
def test_picks_at_random_are_noticed(experiment: Any) -> None:
    experiment("mesh/load_balancing", control="policies-swapped").broke("mesh.round_robin")


@pytest.mark.control
def test_a_slow_replica_that_is_called_in_turn_is_noticed(experiment: Any) -> None:
    experiment("mesh/load_balancing", control="policies-swapped").broke("mesh.least_request")
