"""What a client's proxy does with a host: which rule it obeys, how often it calls each replica, whom it may eject."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from deploy.cluster import ZONE
from experiments.attainability.durations import seconds
from experiments.attainability.model import Item, Settings, named
from experiments.traffic import GATEWAY, Call, Plan

REGION = "topology.kubernetes.io/region"
SERVICE = "kubernetes.io/service-name"
MESH = "mesh"  # among the gateways of a VirtualService: the sidecars
INGRESS = ("istio-system", "istio-ingressgateway")
# The most that one of Locust's users asks for: it waits 0.7 s on average, and every fifth task is two requests.
USER_HZ = 1.7
# Istio's defaults (envoy outlier detection: 5 errors, 10 % of the hosts, for 30 s; looked at every 10 s).
ERRORS, EJECTED_PERCENT_MAX, EJECTED_S, SWEEP_S = 5, 10, 30, 10


@dataclass(frozen=True, slots=True)
class Client:
    """A proxy that calls a host: the sidecar of a zone's callers, or one gateway pod.

    Attributes:
        rate_hz: of what goes through it.
    """

    name: str
    zone: str
    rate_hz: float


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nobody can eject, and the smallest change with which somebody could."""

    bound_by: str
    fix: str


@dataclass(frozen=True, slots=True)
class Route:
    """A rule of a VirtualService."""

    service: Item
    rule: dict[str, Any]

    @property
    def host(self) -> str:
        """Where it leads: the first destination."""
        return str(self.rule["route"][0]["destination"]["host"])

    @property
    def words(self) -> str:
        """How a reader finds it."""
        return f"{named(self.service)} route {self.rule.get('name', '-')}"


def host_name(namespace: str, name: str) -> str:
    """Returns the name by which the mesh knows a Service."""
    return f"{name}.{namespace}.svc.cluster.local"


def path_of(url: str) -> str:
    """Returns the path of a caller's URL, which may be a path alone."""
    return "/" + url.rpartition("://")[2].partition("/")[2]


def call_host(url: str) -> str:
    """Returns the host of a caller's URL without its port, "" for a path alone."""
    return url.rpartition("://")[2].partition("/")[0].partition(":")[0]


def endpoints(settings: Settings, namespace: str, service: str) -> dict[str, int]:
    """Returns how many ready endpoints of a Service there are in each zone."""
    zones: Counter[str] = Counter()
    for part in settings.of("EndpointSlice", namespace):
        if (part["metadata"].get("labels") or {}).get(SERVICE) == service:
            ready = [each for each in part.get("endpoints") or [] if (each.get("conditions") or {}).get("ready", True)]
            zones.update(str(each.get("zone", "")) for each in ready)
    return dict(zones)


def clients(plan: Plan, gateways: Mapping[str, int]) -> list[Client]:
    """Returns the proxies that a document's callers use; those without a zone share the gateway's pods evenly."""
    rates: defaultdict[str, float] = defaultdict(float)
    for call in plan.callers.values():
        rates[call.zone or GATEWAY] += call.rate_hz or plan.rate_hz
    outside_hz = rates.pop(GATEWAY, 0.0) + (plan.locust.users * USER_HZ if plan.locust else 0.0)
    pods = sum(gateways.values())
    through = [Client(f"{GATEWAY} in {zone}", zone, outside_hz / pods) for zone in gateways] if outside_hz else []
    return [*through, *(Client(zone, zone, rate) for zone, rate in rates.items())]


def rule_of(settings: Settings, host: str) -> Item | None:
    """Returns the DestinationRule of a host; a full name goes before a pattern."""
    found = [rule for rule in settings.of("DestinationRule") if fnmatch(host, _full(rule))]
    return min(found, key=lambda rule: _full(rule) != host, default=None)


def _full(rule: Item) -> str:
    return _absolute(str(rule["spec"]["host"]), rule)


def _absolute(name: str, item: Item) -> str:
    """A short name is one of the object's own namespace."""
    return name if "." in name or "*" in name else host_name(item["metadata"]["namespace"], name)


def policy(rule: Item | None) -> dict[str, Any]:
    """Returns the traffic policy of a rule, {} where there is none."""
    return dict(((rule or {}).get("spec") or {}).get("trafficPolicy") or {})


def obstacle(rule: Item | None, host: str, count: int, hosts: int) -> Obstacle | None:
    """Says why `count` of a host's endpoints cannot be out at the same time, None if they can.

    Envoy ejects one more while 100 * (ejected + 1) / hosts <= maxEjectionPercent, over the whole host and not per zone.
    """
    if not hosts:
        return Obstacle(f"{host} has no endpoint", "deploy it: make up")
    needed, detection = math.ceil(100 * count / hosts), policy(rule).get("outlierDetection")
    if rule is None or not detection:
        who = f"{named(rule)}: no outlierDetection" if rule else f"no DestinationRule is for {host}"
        return Obstacle(who, f"outlierDetection: consecutive5xxErrors 3, maxEjectionPercent at least {needed}")
    if detection.get("consecutive5xxErrors", ERRORS) == 0:
        return Obstacle(f"{named(rule)}: consecutive5xxErrors 0 ejects nobody", "consecutive5xxErrors: 3")
    most = detection.get("maxEjectionPercent") or EJECTED_PERCENT_MAX
    if 100 * count / hosts > most:
        admitted = f"maxEjectionPercent {most} of {hosts} endpoints ejects {int(most * hosts / 100)}, not {count}"
        return Obstacle(f"{named(rule)}: {admitted}", f"maxEjectionPercent: at least {needed}")
    healthy, least = 100 * (hosts - count) / hosts, detection.get("minHealthPercent", 0)
    if healthy < least:
        why = f"minHealthPercent {least} sends to all again once {hosts - count} of {hosts} are left"
        return Obstacle(f"{named(rule)}: {why}", f"minHealthPercent: at most {math.floor(healthy)}")
    return None


def errors_until_ejected(rule: Item) -> int:
    """Returns how many errors in a row take an endpoint out."""
    return int(policy(rule)["outlierDetection"].get("consecutive5xxErrors", ERRORS))


def share(rule: Item, settings: Settings, client: str, zone: str, hosts: Mapping[str, int]) -> float:
    """Returns which part of the calls from a client's zone one endpoint of a zone gets.

    With `distribute` what it says for the client's zone; else, with outlier detection and without a ban, locality
    failover keeps all calls at home; else each endpoint gets the same.
    """
    balancing = (policy(rule).get("loadBalancer") or {}).get("localityLbSetting") or {}
    even = 1 / sum(hosts.values())
    if balancing.get("enabled") is False:
        return even
    if distribute := balancing.get("distribute"):
        regions = {
            node["metadata"]["labels"].get(ZONE): node["metadata"]["labels"].get(REGION, "")
            for node in settings.of("Node")
            if ZONE in (node["metadata"].get("labels") or {})
        }
        here, there = (f"{regions.get(each, '')}/{each}/" for each in (client, zone))
        weights = next((entry["to"] for entry in distribute if _covers(entry["from"], here)), None)
        if weights is None:
            return even
        return sum(float(weight) for place, weight in weights.items() if _covers(place, there)) / 100 / hosts[zone]
    if "outlierDetection" in policy(rule) and client in hosts:
        return 1 / hosts[zone] if zone == client else 0.0
    return even


def _covers(pattern: str, locality: str) -> bool:
    return fnmatch(locality, pattern if pattern.endswith("*") else pattern.rstrip("/") + "/*")


def route_of(settings: Settings, call: Call) -> Route | None:
    """Returns where a call goes, from the gateway or from inside the mesh: through delegates to the rule that fits."""
    for service in settings.of("VirtualService"):
        if _is_asked(service, call) and (found := _followed(settings, service, call)):
            return found
    return None


def given_up_s(route: Route | None, patience_s: float) -> float:
    """Returns when a proxy gives up a try at a replica that never answers; infinite if its caller does first."""
    rule = route.rule if route else {}
    limits = ((rule.get("retries") or {}).get("perTryTimeout"), rule.get("timeout"))
    return min((after_s for text in limits if text and 0 < (after_s := seconds(text)) < patience_s), default=math.inf)


def _is_asked(service: Item, call: Call) -> bool:
    gateways = service["spec"].get("gateways") or [MESH]
    if call.zone is None:
        return any(each != MESH for each in gateways)
    names = (_absolute(name, service) for name in service["spec"].get("hosts") or [])
    return MESH in gateways and any(fnmatch(call_host(call.url), name) for name in names)


def _followed(settings: Settings, service: Item, call: Call) -> Route | None:
    for rule in service["spec"].get("http") or []:
        if not _takes(rule, call):
            continue
        if delegate := rule.get("delegate"):
            namespace = delegate.get("namespace") or service["metadata"]["namespace"]
            following = settings.get("VirtualService", namespace, delegate["name"])
            return _followed(settings, following, call) if following else None
        return Route(service, rule)
    return None


def _takes(route: Mapping[str, Any], call: Call) -> bool:
    return any(all(_conditions(each, call)) for each in route.get("match") or [{}])


def _conditions(match: Mapping[str, Any], call: Call) -> Iterator[bool]:
    known = {"method": call.method, "uri": path_of(call.url)}
    for key, condition in match.items():
        if key == "headers" and isinstance(condition, dict):
            yield from (_like(each, call.headers.get(name)) for name, each in condition.items())
        elif key not in {"name", "gateways"}:
            yield _like(condition, known.get(key, ""))


def _like(condition: Any, value: str | None) -> bool:
    if not isinstance(condition, dict) or value is None:
        return False
    return condition.get("exact") == value or ("prefix" in condition and value.startswith(condition["prefix"]))
