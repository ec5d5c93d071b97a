"""Faults on the way to a replica: its node refuses connections to it, while it lives and stays Ready."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import Any

from experiments import guard, session
from experiments.actions.fault import ended, inject, prove
from experiments.actions.workload import SEED, choose, fresh
from experiments.drivers import deadman, packet_rules
from experiments.drivers.injector import Replica


def refuse_connections(namespace: str, app: str, port: int, max_s: float) -> dict[str, Any]:
    """Makes one replica of a tier refuse connections to a port, new ones and those that are open.

    A process of its own ends it after `max_s`, even if the suite is killed. The proof that it acted is recorded when
    they are admitted again: how many connections the kernel of the replica's node has refused.
    """
    running = session.current()
    (pod,) = choose(fresh(namespace, app), 1, os.environ.get(SEED, "1"))
    table, named = f"{packet_rules.PREFIX}{pod.uid[:8]}", [asdict(Replica(pod.name, pod.uid, pod.ip))]
    fault = f"replicas of {namespace}/{app} refuse connections"
    inject(
        running,
        fault,
        [{"undo": "remove-rules", "node": pod.node, "table": table, "namespace": namespace, "app": app, "pods": named}],
        lambda: packet_rules.refuse(pod.node, table, pod.ip, port),
        {"namespace": namespace, "app": app, "port": port, "pods": [pod.name]},
        arm=lambda ids: deadman.start(running.ledger, ids, max_s),
    )
    return {"fault": fault, "pods": named}


def admit(namespace: str, app: str) -> dict[str, Any]:
    """Ends the refusal, having asked the kernel whether anybody met it; may be repeated."""
    running = session.current()
    guard.unchanged(running.cluster)
    kind = {"undo": "remove-rules", "namespace": namespace, "app": app}
    refused = {}
    for entry in [entry for entry in running.ledger.own() if kind.items() <= entry.undo.items()]:
        node, table = str(entry.undo["node"]), str(entry.undo["table"])
        met = refused[node] = packet_rules.refused(node, table)
        prove(running, entry.fault, acted=met > 0, by="packet-counter", observed={"faulted_total": met, "node": node})
        lo = time.monotonic()
        packet_rules.remove(node, table)
        running.ledger.done(entry.id)
        ended(running, entry.fault, lo)
    running.still_watched()
    return {"refused": refused}
