"""Connection pool: one client's proxy opens 100 connections to a tier at most, and refuses what is on top at once.

Method: every app replica is slow while one caller sends 300 calls within 2 s; its proxy is asked four times a second
how many connections it has. If it fails, read the most there were, or how long refused calls waited.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.disruptive, pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("mesh.connection_pool")
def test_a_burst_gets_a_hundred_connections_and_no_more(experiment: Any) -> None:
    experiment("mesh/connection_pool").kept("mesh.connection_pool")


@pytest.mark.control
def test_a_pool_of_a_thousand_is_noticed(experiment: Any) -> None:
    experiment("mesh/connection_pool", control="pool-1000").broke("mesh.connection_pool")
