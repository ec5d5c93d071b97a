"""Egress: a host outside the mesh is reached through its ServiceEntry alone.

Method: every replica of the shop calls a host outside the mesh, under the name that is entered and under another one,
and a pod of another namespace calls it too. A failure names who was let out, or was not.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("mesh.egress")
def test_an_external_host_is_reached_through_its_entry_alone(experiment: Any) -> None:
    experiment("mesh/egress").kept("mesh.egress")


@pytest.mark.control
def test_without_its_entry_no_replica_reaches_the_host(experiment: Any) -> None:
    experiment("mesh/egress", control="no-entry").broke("mesh.egress")


@pytest.mark.control
def test_a_mesh_that_lets_everybody_out_needs_no_entry(experiment: Any) -> None:
    experiment("mesh/egress", control="allow-any").broke("mesh.egress")
