"""Faults of a zone: everything in it stops between two instructions, and comes back as if nothing had been."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from deploy.waiting import NotSo, consistently, eventually
from experiments import session
from experiments.actions.fault import ended, inject, prove
from experiments.drivers import deadman, docker_nodes

LEASES = "kube-node-lease"


def pause(zone: str, max_s: float) -> dict[str, Any]:
    """Freezes every node of a zone. A process of its own thaws them after `max_s`, even if the suite is killed.

    Proven at once by the nodes' state (Docker's and the kernel's); `prove_silence` adds the cluster's own view.
    """
    running = session.current()
    nodes = running.cluster.nodes_in(zone)
    fault = _fault(zone)

    def freeze() -> None:
        running.zone(zone)
        docker_nodes.pause(nodes)

    undos = [{"undo": "unpause-node", "node": node} for node in nodes]
    where = {"zone": zone, "nodes": nodes}
    inject(running, fault, undos, freeze, where, arm=lambda ids: deadman.start(running.ledger, ids, max_s))
    states = {
        node: {"paused": docker_nodes.paused(node), "freezer": docker_nodes.freezer_state(node)} for node in nodes
    }
    frozen = all(state["paused"] and state["freezer"] in {"FROZEN", None} for state in states.values())
    return prove(running, fault, acted=frozen, by="cgroup", observed=states)


def prove_silence(zone: str, silent_s: float) -> dict[str, Any]:
    """Proves that the zone's kubelets are silent: leases, renewed every 10 s, are not renewed for `silent_s`."""
    running = session.current()
    nodes = running.cluster.nodes_in(zone)
    before = {node: _renewed(node) for node in nodes}
    with suppress(NotSo):  # a lease that was renewed is the finding, not an error
        consistently(
            lambda: {node: _renewed(node) for node in nodes},
            lambda renewed: renewed == before,
            for_s=silent_s,
            every_s=5,
            what="the silence of the zone",
        )
    after = {node: _renewed(node) for node in nodes}
    return prove(running, _fault(zone), acted=before == after, by="lease", observed={"before": before, "after": after})


def unpause(zone: str) -> dict[str, Any]:
    """Thaws the zone. May be repeated: a zone that is not frozen is left alone."""
    running = session.current()
    fault = _fault(zone)
    open_entries = running.ledger.own(fault)
    lo = time.monotonic()
    thawed = docker_nodes.unpause(running.cluster.nodes_in(zone))
    for entry in open_entries:
        running.ledger.done(entry.id)
    if open_entries:
        ended(running, fault, lo)
        running.zone(None)
    return {"fault": fault, "thawed": thawed}


def await_nodes(zone: str, within_s: float) -> list[str]:
    """Waits until every node of the zone is Ready again; returns them."""
    cluster = session.current().cluster
    core: Any = cluster.core
    nodes = cluster.nodes_in(zone)

    def not_ready() -> list[str]:
        found = []
        for node in nodes:
            status = core.read_node(node, _request_timeout=10).status
            if not any(each.type == "Ready" and each.status == "True" for each in status.conditions):
                found.append(node)
        return found

    eventually(
        not_ready, lambda names: not names, within_s=within_s, what=f"the nodes of {zone} to be Ready", every_s=1
    )
    return nodes


def _fault(zone: str) -> str:
    return f"zone {zone} is frozen"


def _renewed(node: str) -> str:
    from kubernetes.client import CoordinationV1Api

    api: Any = CoordinationV1Api(session.current().cluster.api)
    lease = api.read_namespaced_lease(node, LEASES, _request_timeout=10)
    return str(lease.spec.renew_time)
