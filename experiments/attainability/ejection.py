"""Ejection of bad replicas: may they be ejected at all, how soon do a client's calls tell it to, and how long for?"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps

from experiments.attainability import mesh
from experiments.attainability.durations import seconds
from experiments.attainability.mesh import Client
from experiments.attainability.model import Attainability, Item, Question, named
from experiments.attainability.registry import Check, bounds

BREAKING = ("break_replicas", "hang_replicas", "refuse_connections")
WATCHING, GATEWAY_PROXIES = "watch_ejections", "/app=".join(mesh.INGRESS)


def _by_rule(answer: Callable[[Question, Item], Attainability]) -> Check:
    """Answers by the rule of the tier that is broken; out of reach where it lets nobody eject what is broken."""

    @wraps(answer)
    def check(question: Question) -> Attainability:
        fault = question.arguments(*BREAKING)
        host = mesh.host_name(fault["namespace"], fault["app"])
        rule = mesh.rule_of(question.settings, host)
        if obstacle := mesh.obstacle(rule, host, int(fault.get("count", 1)), sum(_hosts(question).values())):
            return question.never(obstacle.bound_by, obstacle.fix)
        assert rule is not None
        return answer(question, rule)

    return check


def _hosts(question: Question) -> dict[str, int]:
    """How many replicas there are in each zone of the tier that is broken."""
    fault = question.arguments(*BREAKING)
    return mesh.endpoints(question.settings, fault["namespace"], fault["app"])


def _clients(question: Question) -> list[Client]:
    """Who calls the broken tier: the gateways only where their proxies are watched, else others call for them."""
    watched = GATEWAY_PROXIES in question.arguments(WATCHING)["clients"]
    return mesh.clients(question.traffic, mesh.endpoints(question.settings, *mesh.INGRESS) if watched else {})


@bounds("ejection_s")
@_by_rule
def ejection(question: Question, rule: Item) -> Attainability:
    """Consecutive errors x endpoints / rate, for the client that calls a bad replica least often.

    Every client's proxy ejects for itself, and at once: the sweep at `interval` only brings replicas back.
    """
    hosts = _hosts(question)
    clients = _clients(question)
    # The bad replica may be in any zone: the best figure is that of the zone where the slowest client is quickest.
    floor_s, client = min((_slowest(question, rule, clients, zone, hosts) for zone in hosts), key=lambda pair: pair[0])
    errors = mesh.errors_until_ejected(rule)
    rate = f"client {client.name} sends {client.rate_hz:.3g} requests a second"
    if not math.isfinite(floor_s):
        return question.never(
            f"{named(rule)}: {client.name} never calls the replicas of another zone, so it never ejects one",
            "localityLbSetting.distribute: give each zone a part of the calls from each other one",
        )
    if not math.isfinite(error_s := _error_s(question)):
        return question.never(
            "no proxy gives up a replica that never answers before its caller does",
            "perTryTimeout on the callers' route",
        )
    floor_s += error_s
    return question.answer(
        floor_s,
        f"{named(rule)}: consecutive5xxErrors {errors} of {sum(hosts.values())} endpoints; {rate}",
        _fix(errors, floor_s, question.target.limit, client),
    )


@bounds("errors_until_ejected")
@_by_rule
def threshold(question: Question, rule: Item) -> Attainability:
    """The number that the rule says."""
    errors = mesh.errors_until_ejected(rule)
    words = f"{named(rule)}: consecutive5xxErrors"
    return question.answer(float(errors), f"{words} {errors}", f"consecutive5xxErrors: {question.target.limit:g}")


@bounds("kept_out_s")
@_by_rule
def kept_out(question: Question, rule: Item) -> Attainability:
    """The time that the rule says; the return, at the first sweep after it, must still be in time."""
    detection, most_s = mesh.policy(rule)["outlierDetection"], question.target.parameters["back_s_max"]
    base_s = seconds(detection.get("baseEjectionTime", mesh.EJECTED_S))
    sweep_s = seconds(detection.get("interval", mesh.SWEEP_S))
    words = f"{named(rule)}: baseEjectionTime {base_s:g} s, and back within the interval of {sweep_s:g} s"
    if base_s + sweep_s > most_s:
        return question.never(words, f"baseEjectionTime and interval: at most {most_s:g} s together", base_s)
    return question.answer(base_s, words, f"baseEjectionTime: {question.target.limit:g}s")


def _error_s(question: Question) -> float:
    """How long a client's proxy takes to see one error: at once, or until it gives up a replica that never answers."""
    if question.arguments(*BREAKING).keys() & {"status", "port"}:  # an answer, or a refusal: not silence
        return 0.0
    patience_s = question.traffic.timeout_s
    routes = (mesh.route_of(question.settings, call) for call in question.traffic.callers.values())
    return max(mesh.given_up_s(route, patience_s) for route in routes)


def _slowest(
    question: Question, rule: Item, clients: list[Client], zone: str, hosts: dict[str, int]
) -> tuple[float, Client]:
    """Seconds until the last client has seen enough errors of one replica in a zone, and who that is."""
    return max(
        ((until_ejected_s(question, rule, client, zone, hosts), client) for client in clients),
        key=lambda pair: pair[0],
    )


def until_ejected_s(question: Question, rule: Item, client: Client, zone: str, hosts: dict[str, int]) -> float:
    """Returns how long a client needs, on average, to see enough errors of one replica in a zone; infinite for ever."""
    rate_hz = client.rate_hz * mesh.share(rule, question.settings, client.zone, zone, hosts)
    return mesh.errors_until_ejected(rule) / rate_hz if rate_hz else math.inf


def _fix(errors: int, floor_s: float, limit_s: float, client: Client) -> str:
    most = math.ceil(limit_s * errors / floor_s) - 1  # the largest number of errors that is still below the limit
    if most >= 1:
        return f"consecutive5xxErrors: at most {most}"
    return f"rate_hz in the document: more than {client.rate_hz * floor_s / limit_s:.3g} a second through {client.name}"
