"""environment.json: what a figure was measured with, so that it can be compared and measured again."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy import preflight
from deploy.errors import Problem
from deploy.machine import memory_kib
from deploy.paths import ROOT
from deploy.shell import run
from experiments import catalogue
from experiments.drivers import docker_nodes
from experiments.record import Recorder

if TYPE_CHECKING:
    from deploy.cluster import Cluster

FILE = "environment.json"
PACKAGES = ("chaostoolkit", "chaostoolkit-kubernetes", "chaostoolkit-lib", "kubernetes", "locust", "pytest")
KERNEL = ("cgroup", "netem", "overlay")  # what preflight finds out that decides what can be proven


def expect(folder: Path, cases: Iterable[str]) -> None:
    """Writes which cases a run must leave: one that silently did not run is then not proven, instead of forgotten."""
    _merge(Recorder(folder), {"expected_cases": sorted(cases)})


def write(folder: Path, cluster: Cluster) -> None:
    """Writes what is known of machine, suite and cluster, beside what stands there already; once for each run."""
    recorder = Recorder(folder, cluster.name)
    if "cluster" in _known(recorder):
        return
    core: Any = cluster.core
    nodes = core.list_node(_request_timeout=20).items
    identity = cluster.identity()
    facts = {
        "suite": {"commit": _git("rev-parse", "HEAD"), "changed": bool(_git("status", "--porcelain"))},
        "seed": os.environ.get("RESILIENCE_SEED", "1"),
        "host": {
            "name": platform.node(),
            "processors": os.cpu_count(),
            "memory_gib": round(memory_kib()["MemTotal"] / 2**20, 1),
            "kernel": platform.release(),
        },
        "kernel_features": kernel_features(cluster.name, [node.metadata.name for node in nodes]),
        "cluster": {
            "name": cluster.name,
            "context": cluster.context,
            "api": identity.api_address,
            "uid": identity.kube_system_uid,
            "nodes": {node.metadata.name: cluster.zone_of(node.metadata.name) for node in nodes},
            "kubernetes": nodes[0].status.node_info.kubelet_version,
            "containerd": nodes[0].status.node_info.container_runtime_version,
        },
        "images": images(core.list_pod_for_all_namespaces(_request_timeout=30).items),
        "python": {name: metadata.version(name) for name in PACKAGES} | {"python": platform.python_version()},
        "files": digests(),
    }
    _merge(recorder, facts)


def kernel_features(cluster: str, nodes: list[str]) -> dict[str, str]:
    """Returns what the kernel can do that faults and proofs rely on, each as it was observed."""
    found = {item.name: item.observed for item in preflight.check(cluster, building=False) if item.name in KERNEL}
    pressure = "there" if Path("/proc/pressure/cpu").exists() else "not there"
    return found | {"pressure": pressure, "nf_tables": docker_nodes.nf_tables(nodes)}


def images(pods: Iterable[Any]) -> dict[str, list[str]]:
    """Returns, by the name that pods ask for, the ids (digests) of what they really run; a name may move meanwhile."""
    found: dict[str, set[str]] = {}
    for pod in pods:
        status = pod.status
        for container in [*(status.container_statuses or []), *(status.init_container_statuses or [])]:
            found.setdefault(container.image, set()).add(container.image_id)
    return {name: sorted(found[name]) for name in sorted(found)}


def digests() -> dict[str, str]:
    """Returns SHA-256 of each file that says what is done and what is promised: documents, controls, targets."""
    files = [*catalogue.DOCUMENTS.glob("*/*.yaml"), *catalogue.CONTROLS.glob("*.yaml"), catalogue.TARGETS]
    return {str(file.relative_to(ROOT)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


def _git(*words: str) -> str:
    try:
        return run(["git", "-C", ROOT, *words], what="asking git", timeout_s=10).strip()
    except Problem:
        return ""


def _known(recorder: Recorder) -> dict[str, Any]:
    path = recorder.folder / FILE
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _merge(recorder: Recorder, facts: dict[str, Any]) -> None:
    recorder.write(FILE, _known(recorder) | facts)
