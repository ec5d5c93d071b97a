"""A release that is switched while callers go on: all that a route is asked for goes to another version, and back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually
from experiments import guard, pods, restore, session
from experiments.actions.fault import ended, inject, prove
from experiments.patches import essence

ROUTES = ["pilot-agent", "request", "GET", "config_dump?resource=dynamic_route_configs"]


def switch(namespace: str, service: str, route: str, to: str, clients: list[str], within_s: float) -> dict[str, Any]:
    """Gives one destination of a route its whole weight; the proof is what the clients' proxies say they have.

    Args:
        namespace: of the VirtualService.
        service: the VirtualService.
        route: the name of its rule.
        to: host of the destination.
        clients: label selectors of proxies with their namespace, "istio-system/app=istio-ingressgateway".
        within_s: how long to wait for the proxies.

    Raises:
        Problem: the rule has no such destination, or the switch would change nothing.
    """
    running = session.current()
    guard.permit(running.cluster)
    resource = running.cluster.dynamic.resources.get(api_version="networking.istio.io/v1", kind="VirtualService")
    before = essence(resource.get(name=service, namespace=namespace).to_dict())
    rules = led(before["spec"]["http"], route, to)
    if rules == before["spec"]["http"]:
        raise Problem(f"route {route} leads to {to} already", fix="deploy the stack again: python -m deploy up istio")
    fault = name_of(route)
    inject(
        running,
        fault,
        [{"undo": "restore-object", "manifest": before}],
        lambda: resource.patch(
            body={"apiVersion": before["apiVersion"], "kind": before["kind"], "spec": {"http": rules}},
            name=service,
            namespace=namespace,
            content_type="application/merge-patch+json",
        ),
        {"namespace": namespace, "service": service, "route": route, "to": to},
    )
    shown: dict[str, list[str]] = {}

    def have_it() -> bool:
        shown.update({where: sorted(leads_to(text, route)) for where, text in _routes(clients)})
        return all(hosts == [to] for hosts in shown.values())

    with suppress(NotSo):
        eventually(have_it, bool, within_s=within_s, every_s=0.5, what=f"every proxy to lead {route} to {to}")
    acted = bool(shown) and all(hosts == [to] for hosts in shown.values())
    return prove(running, fault, acted=acted, by="proxy-config", observed={"leads_to": shown})


def roll_back(route: str) -> dict[str, Any]:
    """Makes a route that was switched be as it was; may be repeated."""
    running = session.current()
    guard.unchanged(running.cluster)
    lines = []
    for entry in running.ledger.own(name_of(route)):
        lo = time.monotonic()
        lines.append(restore.restore_object(running.cluster, entry.undo))
        running.ledger.done(entry.id)
        ended(running, entry.fault, lo)
    return {"rolled_back": lines}


def name_of(route: str) -> str:
    """Returns how a switch is called in record and ledger."""
    return f"route {route} is switched"


def led(rules: list[dict[str, Any]], route: str, to: str) -> list[dict[str, Any]]:
    """Returns the rules of a VirtualService with the whole weight of one of them on one of its destinations.

    Raises:
        Problem: there is no such rule, or it has no such destination.
    """
    found = [rule for rule in rules if rule.get("name") == route]
    if not found or to not in [each["destination"]["host"] for each in found[0]["route"]]:
        raise Problem(f"no route {route} has {to} among its destinations", fix="see the VirtualService")
    return [_weighted(rule, to) if rule is found[0] else rule for rule in rules]


def _weighted(rule: dict[str, Any], to: str) -> dict[str, Any]:
    weights = ({**each, "weight": 100 if each["destination"]["host"] == to else 0} for each in rule["route"])
    return {**rule, "route": list(weights)}


def leads_to(dump: str, route: str) -> set[str]:
    """Returns the hosts that a proxy's routes of a name lead to, from its configuration as it tells it."""
    return {host for found in _named(json.loads(dump), route) for host in _hosts(found)}


def _named(value: Any, route: str) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("name") == route and isinstance(value.get("route"), dict):
            yield value["route"]
        for each in value.values():
            yield from _named(each, route)
    elif isinstance(value, list):
        for each in value:
            yield from _named(each, route)


def _hosts(action: dict[str, Any]) -> Iterator[str]:
    weighted = (action.get("weighted_clusters") or {}).get("clusters", [])
    named = [action["cluster"]] if "cluster" in action else [each["name"] for each in weighted if each.get("weight")]
    yield from (name.rpartition("|")[2] for name in named)


def _routes(clients: list[str]) -> Iterator[tuple[str, str]]:
    cluster = session.current().cluster
    for selector in clients:
        namespace, labels = selector.split("/", 1)
        for pod in pods.find(cluster, namespace, labels):
            if pod.running:
                text = cluster.exec(namespace, pod.name, ROUTES, container=pods.PROXY)
                yield f"{namespace}/{pod.name}", text
