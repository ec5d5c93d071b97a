"""Strict mTLS: nobody outside the mesh is served by any workload port, and TLS 1.2 is refused.

Method: a pod without a sidecar tries every declared port in plaintext, with TLS 1.2 and with TLS 1.3 without a client
certificate; then the ports are shown to serve the mesh. A failure names the ports that answered.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("mesh.mtls")
def test_every_workload_port_refuses_callers_outside_the_mesh(experiment: Any) -> None:
    experiment("mesh/mtls").kept("mesh.mtls")


@pytest.mark.control
def test_a_permissive_mesh_serves_plaintext(experiment: Any) -> None:
    experiment("mesh/mtls", control="permissive").broke("mesh.mtls")
