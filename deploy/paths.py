"""Where things are kept: in the checkout, in the cache (can be thrown away), in the state (belongs to a cluster)."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"


def _home(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "resilience-suite"


def cache() -> Path:
    """Built binaries and build stamps, by content; safe to delete, outside the checkout."""
    return _home("XDG_CACHE_HOME", ".cache")


def state(cluster: str) -> Path:
    """Kubeconfig, generated secrets and locks of one cluster; removed with it."""
    return _home("XDG_STATE_HOME", ".local/state") / cluster


def kubeconfig(cluster: str) -> Path:
    """The suite's own kubeconfig; ~/.kube/config is never read or written."""
    return state(cluster) / "kubeconfig"
