"""The audit log of a kind cluster's API server, which is kept on the control plane's node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.errors import Problem
from deploy.kind import lifecycle
from deploy.shell import run

if TYPE_CHECKING:
    from deploy.cluster import Cluster

CONTROL_PLANE = ("--filter", "label=io.x-k8s.kind.role=control-plane")
READ = "cat /var/log/kubernetes/audit*.log"
READ_S = 120


def lines(cluster: Cluster) -> list[str]:
    """Returns every line since the cluster was made, but for what was rotated away.

    Raises:
        Problem: there is no log, or no node to read it from.
    """
    nodes = lifecycle.nodes(cluster.name, *CONTROL_PLANE)
    if not nodes:
        raise Problem(f"{cluster.name!r} is no kind cluster of this machine", fix="read its audit log where it is kept")
    return run(
        ["docker", "exec", nodes[0], "sh", "-c", READ],
        what=f"reading the audit log on {nodes[0]}",
        fix="a cluster that an earlier version made keeps none: make down, make up",
        timeout_s=READ_S,
    ).splitlines()
