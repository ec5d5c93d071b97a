"""Faults of replicas: some of a tier answer errors while they stay alive and Ready."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from deploy.errors import Problem
from deploy.waiting import eventually
from experiments import guard, pods, session
from experiments.actions.fault import ended, inject, prove
from experiments.drivers.injector import Replica, Switch
from experiments.pods import Pod
from experiments.watch.ejection import EjectionWatcher

SEED = "RESILIENCE_SEED"


def choose(replicas: Sequence[Pod], count: int, seed: str) -> list[Pod]:
    """Picks replicas by the run's seed: by their place in the sorted list, so that a replay picks the same places.

    Raises:
        Problem: there are fewer than `count`, so the fault would not be the one that was asked for.
    """
    if not 0 < count <= len(replicas):
        raise Problem(f"{count} replicas were to be broken and {len(replicas)} are there", fix="is the tier up?")
    ordered = sorted(replicas, key=lambda replica: (replica.node, replica.name))
    places = random.Random(seed).sample(range(len(ordered)), count)  # noqa: S311 - a choice to be repeated, no secret
    return [ordered[place] for place in sorted(places)]


def break_replicas(namespace: str, app: str, count: int, status: int, hold_s: float, zone: str = "") -> dict[str, Any]:
    """Makes replicas of a tier, in one zone or in any, answer with a status until they are healed.

    They heal by themselves after `hold_s` and a minute. The proof that it acted is recorded when they are healed, from
    the replicas' own counters.
    """
    chosen = choose(_in_zone(fresh(namespace, app), zone), count, os.environ.get(SEED, "1"))
    switch = Switch(session.current().cluster, namespace, app)
    return _inject(
        switch,
        f"replicas of {namespace}/{app} answer errors",
        chosen,
        lambda replicas: switch.set_status(replicas, status, hold_s + 60),
        {"status": status},
    )


def make_unready(namespace: str, app: str, count: int, hold_s: float) -> dict[str, Any]:
    """Makes replicas of a tier that are ready not ready, until they are healed, `hold_s` and a minute at most.

    It may be asked for more, one call after the other: each is a fault of its own. Nothing replaces such replicas: they
    live, and the autoscaler counts them.
    """
    chosen = choose(_ready(namespace, app), count, os.environ.get(SEED, "1"))
    switch = Switch(session.current().cluster, namespace, app)
    return _inject(
        switch,
        f"replicas {', '.join(pod.name for pod in chosen)} of {namespace}/{app} are not ready",
        chosen,
        lambda replicas: switch.set_unready(replicas, hold_s + 60),
        {"unready": count},
    )


def slow_replicas(
    namespace: str, app: str, count: int, delay_s: float, hold_s: float, zone: str = ""
) -> dict[str, Any]:
    """Makes replicas of a tier, in one zone or in any, wait `delay_s` before they answer, until they are healed.

    They heal by themselves after `hold_s` and a minute.
    """
    chosen = choose(_in_zone(_ready(namespace, app), zone), count, os.environ.get(SEED, "1"))
    switch = Switch(session.current().cluster, namespace, app)
    return _inject(
        switch,
        f"replicas of {namespace}/{app} answer late",
        chosen,
        lambda replicas: switch.set_delay(replicas, delay_s, hold_s + 60),
        {"delay_s": delay_s},
    )


def hang_replicas(namespace: str, app: str, count: int, hold_s: float) -> dict[str, Any]:
    """Makes replicas take requests and answer none, until they are healed, `hold_s` and a minute at most.

    They stay Ready: their probes are answered.
    """
    chosen = choose(fresh(namespace, app), count, os.environ.get(SEED, "1"))
    switch = Switch(session.current().cluster, namespace, app)
    return _inject(
        switch,
        f"replicas of {namespace}/{app} hang",
        chosen,
        lambda replicas: switch.set_hang(replicas, hold_s + 60),
        {"hangs": True},
    )


def count_served(namespace: str, app: str) -> dict[str, Any]:
    """Records how many requests each ready replica of a tier has served, by its own count."""
    running = session.current()
    replicas = [Replica(pod.name, pod.uid, pod.ip) for pod in _ready(namespace, app)]
    lo = time.monotonic()
    states = Switch(running.cluster, namespace, app).states(replicas)
    counts = {replica.name: int(state["served_total"]) for replica, state in zip(replicas, states, strict=True)}
    running.recorder.event("served", namespace=namespace, tier=app, counts=counts, lo=lo, hi=time.monotonic())
    return {"served": counts}


def _inject(
    switch: Switch, fault: str, chosen: list[Pod], act: Callable[[list[Replica]], None], target: dict[str, Any]
) -> dict[str, Any]:
    replicas = [Replica(pod.name, pod.uid, pod.ip) for pod in chosen]
    named = [asdict(replica) for replica in replicas]
    tier = {"namespace": switch.namespace, "app": switch.app}
    inject(
        session.current(),
        fault,
        [{"undo": "clear-fault", **tier, "pods": named}],
        lambda: act(replicas),
        {**tier, **target, "pods": [pod.name for pod in chosen]},
    )
    return {"fault": fault, "pods": named}


def heal_replicas(namespace: str, app: str) -> dict[str, Any]:
    """Heals what was broken here, having asked the replicas whether anybody met the fault; may be repeated."""
    switch = Switch(session.current().cluster, namespace, app)
    return {"healed": _end(switch, switch.clear)}


def replace_replicas(namespace: str, app: str, within_s: float) -> dict[str, Any]:
    """Ends a fault by deleting the replicas that have it: others come, and no proxy keeps anything against those."""
    cluster = session.current().cluster

    def delete(replicas: Sequence[Replica]) -> None:
        uids = {replica.uid for replica in replicas}
        for replica in replicas:
            cluster.core.delete_namespaced_pod(
                replica.name, namespace, body={"preconditions": {"uid": replica.uid}}, _request_timeout=20
            )
        eventually(
            lambda: {pod.uid for pod in pods.find(cluster, namespace, f"app={app}")} & uids,
            lambda left: not left,
            within_s=within_s,
            what=f"{len(uids)} replica(s) of {namespace}/{app} to be gone",
        )

    return {"replaced": _end(Switch(cluster, namespace, app), delete)}


def _end(switch: Switch, act: Callable[[Sequence[Replica]], object]) -> list[dict[str, Any]]:
    """Ends every fault of a tier's replicas by `act`, after the proof that each acted has been asked of them."""
    running = session.current()
    guard.unchanged(running.cluster)
    tier = {"undo": "clear-fault", "namespace": switch.namespace, "app": switch.app}
    observed: list[dict[str, Any]] = []
    for entry in [entry for entry in running.ledger.own() if tier.items() <= entry.undo.items()]:
        replicas = [Replica(**pod) for pod in entry.undo["pods"]]
        states = [{"pod": state["pod"], "faulted_total": state["faulted_total"]} for state in switch.states(replicas)]
        met = min((int(state["faulted_total"]) for state in states), default=0)
        prove(
            running,
            entry.fault,
            acted=met > 0,
            by="server-counter",
            observed={"faulted_total": met, "replicas": states},
        )
        lo = time.monotonic()
        act(replicas)
        running.ledger.done(entry.id)
        ended(running, entry.fault, lo)
        observed += states
    running.still_watched()
    return observed


def watch_ejections(
    namespace: str,
    app: str,
    clients: list[str],
    symptom: str = "answer errors",
    clients_in: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    """Begins to watch, in every client's proxy, which replicas of a tier are ejected; ends with the experiment.

    Args:
        namespace: of the tier.
        app: the tier.
        clients: label selectors with their namespace, "istio-system/app=istio-ingressgateway".
        symptom: of the fault for which they should eject: "answer errors", "hang" or "refuse connections".
        clients_in: selectors by zone: of these only the clients that stand in it. Four fifths of the calls stay in
            their zone, so that others would meet a bad replica too seldom to know it.
    """
    running = session.current()
    wanted = [("", selector) for selector in clients]
    wanted += [(zone, selector) for zone, selectors in (clients_in or {}).items() for selector in selectors]
    hosts = {pod.ip: pod.name for pod in pods.find(running.cluster, namespace, f"app={app}")}
    service = f"{app}.{namespace}.svc.cluster.local"
    watchers: dict[str, EjectionWatcher] = {}
    for zone, selector in wanted:
        client_namespace, labels = selector.split("/", 1)
        there = [pod for pod in pods.find(running.cluster, client_namespace, labels) if pod.running]
        found = _in_zone(there, zone)
        if not found:
            where = f" in {zone}" if zone else ""
            raise Problem(
                f"no client runs{where} that matches {selector}", fix=f"kubectl -n {client_namespace} get pods"
            )
        for pod in found:
            name = f"{client_namespace}/{pod.name}"
            watchers[name] = EjectionWatcher(running.recorder, running.cluster, name, service, hosts)
            running.add(watchers[name])
    eventually(
        lambda: [name for name, watcher in watchers.items() if watcher.polls == 0],
        lambda silent: not silent,
        within_s=20,
        what="every client's proxy to tell of its clusters",
    )
    running.recorder.event("clients", expected=list(watchers), fault=f"replicas of {namespace}/{app} {symptom}")
    return {"clients": list(watchers)}


def fresh(namespace: str, app: str) -> list[Pod]:
    """Who is ready and not kept out by any watched client: who is out already cannot be ejected."""
    watchers = [watcher for watcher in session.current().watchers if isinstance(watcher, EjectionWatcher)]
    out = {name for watcher in watchers for name in watcher.flagged}
    return [pod for pod in _ready(namespace, app) if pod.name not in out]


def _in_zone(replicas: list[Pod], zone: str) -> list[Pod]:
    """Those of them that stand in a zone; all if none is named."""
    nodes = session.current().cluster.nodes_in(zone) if zone else ()
    return [pod for pod in replicas if not zone or pod.node in nodes]


def _ready(namespace: str, app: str) -> list[Pod]:
    return pods.ready(session.current().cluster, namespace, app)
