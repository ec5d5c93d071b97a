"""Pods that are deleted, and containers that are killed; their owners put others in their place.

There is nothing to undo. Each fault lasts until as many replicas are Ready as before, none of them one that was hit.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deploy.errors import Problem
from deploy.waiting import eventually
from experiments import guard, pods, session
from experiments.actions.fault import ended, inject, prove
from experiments.actions.workload import SEED, choose
from experiments.drivers import containers
from experiments.pods import Pod

KILLED = 137  # 128 + SIGKILL


def replace_pods(namespace: str, apps: list[str], within_s: float) -> dict[str, Any]:
    """Deletes every pod of several workloads and waits until others are Ready; proven by their uids.

    One workload after the other is gone before the next is hit, in the order in which they are named: a store comes
    first, so that nobody starts on the old one.
    """
    cluster = session.current().cluster
    hit = {app: pods.ready(cluster, namespace, app) for app in apps}
    if empty := [app for app, found in hit.items() if not found]:
        raise Problem(f"no pod of {', '.join(empty)} is Ready in {namespace}", fix=f"kubectl -n {namespace} get pods")
    return _replace(namespace, hit, f"every pod of {', '.join(apps)} is replaced", within_s)


def delete_replicas(namespace: str, app: str, count: int, within_s: float) -> dict[str, Any]:
    """Deletes replicas of a workload, with the time that they are given to end, and waits until others are Ready."""
    replicas = pods.ready(session.current().cluster, namespace, app)
    chosen = choose(replicas, count, os.environ.get(SEED, "1"))
    return _replace(namespace, {app: chosen}, f"replicas of {namespace}/{app} are deleted", within_s)


def _replace(namespace: str, hit: Mapping[str, Sequence[Pod]], fault: str, within_s: float) -> dict[str, Any]:
    running, until = session.current(), time.monotonic() + within_s
    counts = {app: len(found) for app, found in hit.items()}
    wanted = {app: len(pods.ready(running.cluster, namespace, app)) for app in hit}
    named = [pod.name for found in hit.values() for pod in found]

    def delete() -> None:
        for app, found in hit.items():
            _delete(namespace, app, found, until - time.monotonic())

    inject(running, fault, [], delete, {"namespace": namespace, "pods": named, "workloads": counts})
    lo = time.monotonic()
    there = eventually(
        lambda: {app: pods.ready(running.cluster, namespace, app) for app in hit},
        lambda ready: all(len(ready[app]) >= wanted[app] for app in hit),
        within_s=until - lo,
        what=f"{wanted} replicas of {namespace} to be Ready again",
    )
    ended(running, fault, lo)
    gone = {pod.uid for found in hit.values() for pod in found}
    left = sorted(gone & {pod.uid for found in there.values() for pod in found})
    observed = {"gone": sorted(gone), "left": left, "ready": {app: len(found) for app, found in there.items()}}
    return prove(running, fault, acted=not left, by="api", observed=observed)


def _delete(namespace: str, app: str, found: Sequence[Pod], within_s: float) -> None:
    """Deletes pods of a workload, those very ones, and waits until they are gone."""
    cluster = session.current().cluster
    for pod in found:
        guard.unchanged(cluster)
        only_it = {"preconditions": {"uid": pod.uid}}
        cluster.core.delete_namespaced_pod(pod.name, namespace, body=only_it, _request_timeout=20)
    uids = {pod.uid for pod in found}
    eventually(
        lambda: uids & {pod.uid for pod in pods.find(cluster, namespace, f"app={app}")},
        lambda left: not left,
        within_s=within_s,
        what=f"{len(uids)} pod(s) of {namespace}/{app} to be gone",
    )


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod as the kubelet tells it.

    Attributes:
        id: of the one that runs.
        ended: id of the one before it, and how that ended; "" and None where there was none.
    """

    pod: str
    node: str
    id: str
    ready: bool
    ended: str
    exit_code: int | None


def kill_containers(namespace: str, app: str, container: str, within_s: float) -> dict[str, Any]:
    """Kills a container of every replica of a workload at once, by SIGKILL, and waits until others run in their place.

    Proven by the kubelet: the very containers that were hit ended with 137, and others run.
    """
    running = session.current()
    guard.permit(running.cluster)  # the nodes are not asked by way of the API server
    before = _containers(namespace, app, container)
    if not before or not all(each.ready for each in before.values()):
        raise Problem(f"not every container {container} of {namespace}/{app} is ready", fix="wait, then run it again")
    fault = f"containers {container} of {namespace}/{app} are killed"
    by_node: dict[str, list[str]] = defaultdict(list)
    for each in before.values():
        by_node[each.node].append(each.id)
    inject(running, fault, [], lambda: containers.kill(by_node), {"namespace": namespace, "pods": sorted(before)})
    lo = time.monotonic()
    after = eventually(
        lambda: _containers(namespace, app, container),
        lambda now: all(name in now and now[name].ready and now[name].id != was.id for name, was in before.items()),
        within_s=within_s,
        what=f"containers {container} of {namespace}/{app} to run again",
    )
    ended(running, fault, lo)
    killed = all(after[name].ended == was.id and after[name].exit_code == KILLED for name, was in before.items())
    observed = {name: asdict(each) for name, each in after.items()}
    return prove(running, fault, acted=killed, by="kubelet", observed=observed)


def _containers(namespace: str, app: str, container: str) -> dict[str, Container]:
    """Returns a container of each pod, by the pod's name."""
    found = {}
    for pod in session.current().cluster.pods(namespace, f"app={app}"):
        for status in pod.status.container_statuses or []:
            if status.name == container:
                last = status.last_state.terminated if status.last_state else None
                found[pod.metadata.name] = Container(
                    pod=pod.metadata.name,
                    node=pod.spec.node_name,
                    id=status.container_id or "",
                    ready=bool(status.ready),
                    ended=(last.container_id or "") if last else "",
                    exit_code=last.exit_code if last else None,
                )
    return found
