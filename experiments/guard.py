"""Who may be hurt: asked again before every injection.

A cluster is disrupted only if it carries the suite's owner stamp or its context was named by the user, and only while
it is still the cluster that the run began with. A context that changed under a running suite is how peers broke
clusters that were not theirs (research/performance-reliability.md, B2).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

from deploy.errors import Problem

if TYPE_CHECKING:
    from deploy.cluster import Cluster

ALLOW = "RESILIENCE_ALLOW_DISRUPTION"
PINNED = "RESILIENCE_IDENTITY"


class Identified(Protocol):
    """Whatever can say which cluster it is."""

    def identity(self) -> Any:
        """Returns API address and uid of kube-system."""
        ...


def allowed() -> frozenset[str]:
    """Returns the contexts that the user named as free to be disrupted."""
    return frozenset(name for name in os.environ.get(ALLOW, "").replace(",", " ").split() if name)


def identity_text(cluster: Identified) -> str:
    """Returns a cluster's identity as one word."""
    identity = cluster.identity()
    return f"{identity.api_address}|{identity.kube_system_uid}"


def pin(cluster: Identified) -> str:
    """Remembers which cluster the run began with; child processes inherit it."""
    if PINNED not in os.environ:
        os.environ[PINNED] = identity_text(cluster)
    return os.environ[PINNED]


def pinned() -> str:
    """Returns the identity that the run began with, "" before any was pinned."""
    return os.environ.get(PINNED, "")


def unchanged(cluster: Identified) -> None:
    """Checks that this is still the cluster the run began with.

    Raises:
        Problem: nothing was pinned, or another cluster answers now.
    """
    began, current = pinned(), identity_text(cluster)
    if not began:
        raise Problem(
            "no cluster was pinned when the run began",
            fix="declare the control experiments.controls.recording in the document",
        )
    if began != current:
        raise Problem(
            "another cluster answers than the one the run began with: nothing was injected",
            why=f"began with {began}\nnow it is {current}",
            fix="leave the kubeconfig and its context alone while an experiment runs, then start again",
        )


def permit(cluster: Cluster) -> None:
    """Allows one injection, or raises a Problem that says why not."""
    from deploy.kind import owner

    unchanged(cluster)
    owner.assert_ours(cluster, allowed())
