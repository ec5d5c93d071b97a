"""Pods that are deleted; their owners put others in their place.

There is nothing to undo. Each fault lasts until as many replicas are Ready as before, none of them one that was hit.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.errors import Problem
from deploy.waiting import eventually
from experiments import guard, pods, session
from experiments.actions.fault import ended, inject, prove
from experiments.pods import Pod


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
