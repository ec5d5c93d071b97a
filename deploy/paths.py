"""Where things are kept: in the checkout, in the cache (can be thrown away), in the state (belongs to a cluster)."""

from __future__ import annotations

import os
import re
from pathlib import Path

from deploy.errors import Usage

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
# kind makes host names of it, and we a folder that is removed with the cluster: "..", say, must never get that far.
CLUSTER_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,47}[a-z0-9])?")


def _home(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "resilience-suite"


def cache() -> Path:
    """Built binaries and build stamps, by content; safe to delete, outside the checkout."""
    return _home("XDG_CACHE_HOME", ".cache")


def state(cluster: str) -> Path:
    """Kubeconfig, generated secrets and ledger of one cluster; removed with it.

    Raises:
        Usage: no cluster can have that name.
    """
    if not CLUSTER_NAME.fullmatch(cluster) or ".." in cluster:
        raise Usage(
            f"{cluster!r} cannot be the name of a cluster",
            fix="use at most 49 small letters, digits and dashes, for instance --cluster resilience-2",
        )
    return _home("XDG_STATE_HOME", ".local/state") / cluster


def kubeconfig(cluster: str) -> Path:
    """The suite's own kubeconfig; ~/.kube/config is never read or written."""
    return state(cluster) / "kubeconfig"
