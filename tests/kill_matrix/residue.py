"""What a killed experiment may have left: differences of a baseline, fault switches, told proxies, processes here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from experiments import baseline, pods, readmission, running
from experiments.drivers.injector import Replica, Switch

if TYPE_CHECKING:
    from deploy.cluster import Cluster

TIERS = ("app", "api")
# Ours on this machine, apart from the dead-man timer, which is meant to outlive everything.
OURS = ("-m experiments run", "bin/chaos --no-version-check", "open_loop.py --url")


def left(cluster: Cluster, before: baseline.Facts) -> list[str]:
    """Returns, in words, everything that is not as it was before; [] when nothing is left."""
    try:
        found = baseline.differences(before, baseline.take(cluster))
        for tier in TIERS:
            found += _faulted(cluster, tier)
        found += [f"proxy of {name} ends each ejection at once" for name in readmission.overridden(cluster)]
    except (Problem, OSError) as error:  # a frozen zone does not answer
        found = [f"cannot be asked: {error}"]
    return found + [f"process {text}" for text in processes()] + [f"case {c.name}" for c in running.cases(cluster.name)]


def _faulted(cluster: Cluster, tier: str) -> list[str]:
    there = [pod for pod in pods.find(cluster, "shop", f"app={tier}") if pod.running]
    states: list[dict[str, Any]] = Switch(cluster, "shop", tier).states([Replica(p.name, p.uid, p.ip) for p in there])
    return [f"fault switch of {state['pod']}: {state['active']}" for state in states if state["active"]]


def processes() -> list[str]:
    """Returns the command lines of our processes on this machine, other than in the cluster's own namespaces."""
    here = Path("/proc/self/ns/pid").readlink()
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            words = (each / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            if any(ours in words for ours in OURS) and (each / "ns" / "pid").readlink() == here:
                found.append(f"{each.name} {words[:100]}")
        except OSError:
            continue
    return found
