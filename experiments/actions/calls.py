"""Whom the experiment's own callers reach: for figures that come from their answers, where nothing is broken."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually
from experiments import pods, session
from experiments.watch.ejection import EjectionWatcher


def all_sent(within_s: float) -> dict[str, Any]:
    """Waits until every caller has sent all that its document plans, and was answered; returns who they are.

    Raises:
        Problem: they are to send for longer than `within_s`, or one did not come to its end.
    """
    traffic = session.current().traffic
    if traffic.plan is None or traffic.plan.duration_s > within_s:
        raise Problem(f"no callers end within {within_s:g} s", fix="traffic.duration_s in the document: less than that")
    traffic.wait()
    return {"callers": traffic.names()}


def places(namespace: str, app: str, within_s: float) -> dict[str, Any]:
    """Records where a tier's ready replicas stand, and whom each watched client keeps out.

    What an earlier fault left ejected comes back by itself: that is waited for, `within_s` at most. Who is out even
    then is a finding that the judge reads from the record.

    Raises:
        Problem: nobody watches whom the clients keep out, or no replica is ready.
    """
    running = session.current()
    zones = {
        pod.name: running.cluster.zone_of(pod.node)
        for pod in pods.find(running.cluster, namespace, f"app={app}")
        if pod.ready
    }
    clients = [
        watcher
        for watcher in running.watchers
        if isinstance(watcher, EjectionWatcher) and zones.keys() & set(watcher.hosts.values())
    ]
    if not clients:
        raise Problem(f"nothing can be told of {namespace}/{app}", fix="call watch_ejections first; is the tier up?")

    def out() -> dict[str, list[str]]:
        return {client.client: sorted(client.flagged) for client in clients}

    with suppress(NotSo):
        eventually(
            out, lambda found: not any(found.values()), within_s=within_s, what="every replica to be called again"
        )
    told = {"namespace": namespace, "tier": app, "zones": zones, "out": out()}
    running.recorder.event("places", **told)
    running.still_watched()
    return told
