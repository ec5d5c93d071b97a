"""Traffic after a zone is lost: what takes callers in the other zones off the dead replicas, and when at best."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from experiments.attainability import mesh, nodes
from experiments.attainability.durations import seconds
from experiments.attainability.ejection import until_ejected_s
from experiments.attainability.mesh import Client, Route
from experiments.attainability.model import Attainability, Item, Question, named
from experiments.attainability.registry import bounds
from experiments.traffic import GATEWAY

CONNECT_S = 10.0  # Istio's default
# Conditions under which Envoy tries again when a replica does not answer within perTryTimeout.
SILENCE = frozenset({"5xx", "gateway-error", "reset"})


@dataclass(frozen=True, slots=True)
class WayOut:
    """One thing that ends the errors of a caller.

    Attributes:
        after_s: since the zone went; infinite when the settings rule it out.
        words: which setting says so.
        fix: what would make this way passable.
    """

    after_s: float
    words: str
    fix: str


@dataclass(frozen=True, slots=True)
class Zone:
    """The host that callers call, and the zone that is cut.

    Attributes:
        hosts: endpoints of the host in each zone.
        route: by which callers come to it.
    """

    namespace: str
    app: str
    dead: str
    hosts: Mapping[str, int]
    rule: Item | None
    route: Route | None

    @property
    def host(self) -> str:
        """The mesh's name of it."""
        return mesh.host_name(self.namespace, self.app)


@bounds("traffic_recovery_s")
def traffic(question: Question) -> Attainability:
    """The quickest way out for each caller outside the zone, and of those callers the slowest."""
    settings = question.settings
    call = next(iter(question.traffic.callers.values()))
    route = mesh.route_of(settings, call)
    app, namespace = (route.host if route else mesh.call_host(call.url)).split(".")[:2]
    hosts = mesh.endpoints(settings, namespace, app)
    rule = mesh.rule_of(settings, mesh.host_name(namespace, app))
    dead = str((question.document.configuration.model_extra or {})["zone"])
    zone = Zone(namespace, app, dead, hosts, rule, route)
    gateways = mesh.endpoints(settings, *mesh.INGRESS)
    living = [client for client in mesh.clients(question.traffic, gateways) if client.zone != zone.dead]
    figures = {client.name: min(_ways_out(question, zone, client), key=lambda way: way.after_s) for client in living}
    if zone.dead in gateways and any(call.zone is None for call in question.traffic.callers.values()):
        # Who connects anew is sent to any gateway pod, by a kube-proxy that ejects nobody.
        figures[GATEWAY] = _withdrawn(question, *mesh.INGRESS)
    name, slowest = max(figures.items(), key=lambda item: item[1].after_s)
    if not math.isfinite(slowest.after_s):
        return question.never(f"caller {name}: {slowest.words}", slowest.fix)
    return question.answer(slowest.after_s, f"caller {name}: {slowest.words}", slowest.fix)


def _ways_out(question: Question, zone: Zone, client: Client) -> Iterator[WayOut]:
    attempt_s, retried = _attempt(question, zone)
    yield retried
    yield _ejected(question, zone, client, attempt_s)
    yield _withdrawn(question, zone.namespace, zone.app)


def _attempt(question: Question, zone: Zone) -> tuple[float, WayOut]:
    """How long one attempt at a silent replica takes until it counts as failed, and whether another one follows."""
    plan = question.traffic
    rule = zone.route.rule if zone.route else {}
    where = zone.route.words if zone.route else f"no VirtualService for {zone.host}"
    retries: Mapping[str, Any] = rule.get("retries") or {}
    connection = (mesh.policy(zone.rule).get("connectionPool") or {}).get("tcp") or {}
    connect_s = seconds(connection.get("connectTimeout", CONNECT_S))
    attempt_s = min(connect_s, mesh.given_up_s(zone.route, plan.timeout_s))
    per_try_s = seconds(retries.get("perTryTimeout") or 0)
    fix = f"retries in {where}: attempts 2, perTryTimeout below {plan.timeout_s / 2:g}s, retryOn with reset"
    again = SILENCE & set(str(retries.get("retryOn", "")).split(","))
    if not (retries.get("attempts") and again and 0 < per_try_s < plan.timeout_s):
        return attempt_s, WayOut(math.inf, f"{where} does not try a silent replica's requests again elsewhere", fix)
    return attempt_s, WayOut(per_try_s, f"{where}: perTryTimeout {per_try_s:g} s, then another replica", fix)


def _ejected(question: Question, zone: Zone, client: Client, attempt_s: float) -> WayOut:
    """A failed attempt, and as many of them in a row as eject; all replicas of the zone must be allowed to be out."""
    gone, every = zone.hosts.get(zone.dead, 0), sum(zone.hosts.values())
    if obstacle := mesh.obstacle(zone.rule, zone.host, gone, every):
        return WayOut(math.inf, obstacle.bound_by, obstacle.fix)
    assert zone.rule is not None
    seen_s = until_ejected_s(question, zone.rule, client, zone.dead, dict(zone.hosts)) if gone else 0.0
    if not math.isfinite(seen_s):
        return WayOut(0.0, f"{named(zone.rule)}: {client.name} never calls {zone.dead}", "")
    errors = mesh.errors_until_ejected(zone.rule)
    return WayOut(
        attempt_s + seen_s,
        f"{named(zone.rule)}: {errors} errors in a row from each of {gone} replicas, the first after {attempt_s:g} s",
        f"consecutive5xxErrors: fewer than {errors}, or callers that send more",
    )


def _withdrawn(question: Question, namespace: str, service: str) -> WayOut:
    """Endpoints go when their node is not ready; if the Service publishes those too, only when the pods are deleted."""
    settings, limit_s = question.settings, question.target.limit
    noticed_s, words = nodes.noticed_s(settings)
    published = (settings.get("Service", namespace, service) or {}).get("spec", {}).get("publishNotReadyAddresses")
    fix = f"kube-controller-manager --node-monitor-grace-period: at most {limit_s - nodes.LOOK_S:g}s"
    if not published:
        return WayOut(
            noticed_s, f"endpoints of Service {namespace}/{service} are withdrawn when the node is: {words}", fix
        )
    deployment = settings.get("Deployment", namespace, service) or {"spec": {"template": {"spec": {}}}}
    tolerated = nodes.tolerated_s(deployment["spec"]["template"]["spec"])
    return WayOut(
        math.inf if tolerated is None else noticed_s + tolerated,
        f"Service {namespace}/{service}: publishNotReadyAddresses keeps endpoints until pods are deleted: {words}, "
        f"and tolerationSeconds {'for ever' if tolerated is None else f'{tolerated:g}'}",
        "publishNotReadyAddresses: false; outlierDetection and retries are quicker still",
    )
