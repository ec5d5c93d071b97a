"""environment.json: what a figure was measured with, so that it can be compared and measured again."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from deploy.paths import ROOT
from deploy.shell import run

if TYPE_CHECKING:
    from deploy.cluster import Cluster

PACKAGES = ("chaostoolkit", "chaostoolkit-kubernetes", "chaostoolkit-lib", "kubernetes", "locust", "pytest")


def expect(folder: Path, cases: Iterable[str]) -> None:
    """Writes which cases a run must leave: one that silently did not run is then not proven, instead of forgotten."""
    _merge(folder, {"expected_cases": sorted(cases)})


def write(folder: Path, cluster: Cluster) -> None:
    """Writes what is known of machine, suite and cluster, beside what stands there already."""
    core: Any = cluster.core
    nodes = core.list_node(_request_timeout=20).items
    identity = cluster.identity()
    facts = {
        "suite": {"commit": _git("rev-parse", "HEAD"), "changed": bool(_git("status", "--porcelain"))},
        "seed": os.environ.get("RESILIENCE_SEED", "1"),
        "host": {
            "processors": os.cpu_count(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "kernel": platform.release(),
            "pressure": Path("/proc/pressure/cpu").exists(),
            "cgroup": 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1,
        },
        "cluster": {
            "name": cluster.name,
            "context": cluster.context,
            "api": identity.api_address,
            "uid": identity.kube_system_uid,
            "nodes": {node.metadata.name: cluster.zone_of(node.metadata.name) for node in nodes},
            "kubernetes": nodes[0].status.node_info.kubelet_version,
            "containerd": nodes[0].status.node_info.container_runtime_version,
        },
        "images": _images(core),
        "python": {name: metadata.version(name) for name in PACKAGES} | {"python": platform.python_version()},
    }
    _merge(folder, facts)


def _images(core: Any) -> list[str]:
    """Returns every image that a pod of the cluster runs, by what the pods say."""
    pods = core.list_pod_for_all_namespaces(_request_timeout=30).items
    return sorted({container.image for pod in pods for container in pod.spec.containers})


def _git(*words: str) -> str:
    try:
        return run(["git", "-C", ROOT, *words], what="asking git", timeout_s=10).strip()
    except Problem:
        return ""


def _merge(folder: Path, facts: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "environment.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | facts, indent=2) + "\n")
