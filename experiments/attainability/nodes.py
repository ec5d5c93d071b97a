"""What Kubernetes does about a node that is gone: when it notices, when it evicts, and where the pods may go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from deploy.cluster import ZONE
from experiments.attainability.durations import seconds
from experiments.attainability.model import Item, Settings

GRACE_FLAG = re.compile(r"^--node-monitor-grace-period=(.+)$")
CONTROLLER = {"component": "kube-controller-manager"}
# The last sign of life may be this old when the node goes (the kubelet renews its lease every 10 s), and the controller
# looks every 5 s.
RENEWAL_S, LOOK_S = 10, 5
UNREACHABLE = "node.kubernetes.io/unreachable"
TOLERATED_S = 300.0  # what admission adds where a pod says nothing
OUT = frozenset({"NoSchedule", "NoExecute"})


def grace_s(settings: Settings) -> tuple[float, str]:
    """Returns how long a silent node counts as ready, in seconds, and where that stands."""
    for pod in settings.of("Pod", "kube-system"):
        if CONTROLLER.items() <= (pod["metadata"].get("labels") or {}).items():
            for container in pod["spec"]["containers"]:
                for word in [*(container.get("command") or []), *(container.get("args") or [])]:
                    if flag := GRACE_FLAG.match(word):
                        return seconds(flag[1]), f"node-monitor-grace-period {flag[1]}"
    minor = max((_minor(node) for node in settings.of("Node")), default=0)
    default_s = 50.0 if minor >= 32 else 40.0
    return default_s, f"node-monitor-grace-period {default_s:g} s (default)"


def noticed_s(settings: Settings) -> tuple[float, str]:
    """Returns the least time until a node that is gone is not ready, in seconds, and why in words."""
    grace, words = grace_s(settings)
    return max(0.0, grace - RENEWAL_S), f"{words}, less a sign of life up to {RENEWAL_S} s old"


def tolerated_s(pod_spec: Mapping[str, Any]) -> float | None:
    """Returns how long a pod stays on an unreachable node before it is replaced; None for ever."""
    for toleration in pod_spec.get("tolerations") or []:
        key, effect = toleration.get("key"), toleration.get("effect")
        if key in {UNREACHABLE, None} and effect in {"NoExecute", "", None}:
            wait = toleration.get("tolerationSeconds")
            return None if wait is None else float(max(0, wait))
    return TOLERATED_S


def zone_of(node: Item) -> str:
    """Returns a node's zone, "" where it has none."""
    return str((node["metadata"].get("labels") or {}).get(ZONE, ""))


def left_for(settings: Settings, pod_spec: Mapping[str, Any], dead_zone: str) -> list[Item]:
    """Returns the nodes outside the dead zone on which such a pod may be put."""
    wanted = (pod_spec.get("nodeSelector") or {}).items()
    return [
        node
        for node in settings.of("Node")
        if zone_of(node) != dead_zone
        and wanted <= (node["metadata"].get("labels") or {}).items()
        and not any(taint["effect"] in OUT for taint in node["spec"].get("taints") or [])
        and not node["spec"].get("unschedulable")
    ]


def _minor(node: Item) -> int:
    version = re.match(r"v1\.(\d+)", node["status"]["nodeInfo"]["kubeletVersion"])
    return int(version[1]) if version else 0
