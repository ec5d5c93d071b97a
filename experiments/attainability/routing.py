"""Releases: which versions a route leads to, by weight and by header, and whether enough requests tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from experiments.attainability import mesh, shares
from experiments.attainability.model import Attainability, Question, Settings
from experiments.attainability.registry import bounds
from experiments.traffic import Call


@bounds("version_percent")
def split(question: Question) -> Attainability:
    """The weight that each caller's route gives a version, and enough requests to tell it from `told_from`."""
    version, limit = str(question.target.parameters["version"]), question.target.limit
    given = {name: _versions(question.settings, call) for name, call in shares.calls(question).items()}
    name, (percents, words) = max(given.items(), key=lambda item: abs(item[1][0].get(version, 0.0) - limit))
    percent = percents.get(version, 0.0)
    if percent != limit:
        why = f"{name}: {words} gives version {version} {percent:g} %"
        return question.answer(percent, why, f"its weight: {limit:g}")
    return shares.enough(question, percent, f"{words} gives version {version} {percent:g} %")


@bounds("misrouted_requests")
def variants(question: Question) -> Attainability:
    """Requests that are to be expected at another version than the one that is wanted by who asks."""
    plan, wanted, wrong, blame = question.traffic, question.target.parameters["versions"], 0.0, ""
    sent: Counter[str] = Counter()
    for name, call in shares.calls(question).items():
        version = str(wanted[name.partition("-")[0]])
        percents, words = _versions(question.settings, call)
        requests = (call.rate_hz or plan.rate_hz) * plan.duration_s
        missed = requests * (1 - percents.get(version, 0.0) / 100)
        sent[version] += int(requests)
        wrong, blame = wrong + missed, blame or (f"{name}: {words} does not lead to {version} alone" if missed else "")
    if blame:
        return question.answer(float(round(wrong)), blame, "a rule for the header, before the rule without it")
    version, fewest = min(sent.items(), key=lambda item: item[1])
    least = int(question.target.parameters.get("samples_min", 1))
    if fewest < least:
        why = f"the document sends {fewest} requests for version {version}, and {least} are needed"
        return question.never(why, f"duration_s: at least {plan.duration_s * least / max(1, fewest):.0f}")
    return question.answer(0.0, f"each rule leads to one version; {fewest} requests for version {version}")


@bounds("switch_violations")
def switched(question: Question) -> Attainability:
    """Requests that nobody answers while the route leads to a host without pods, or none if it has some."""
    asked = question.arguments("switch")
    service = question.settings.get("VirtualService", asked["namespace"], asked["service"])
    rules = service["spec"]["http"] if service else []
    hosts = {
        each["destination"]["host"] for rule in rules if rule.get("name") == asked["route"] for each in rule["route"]
    }
    if asked["to"] not in hosts or len(hosts) < 2:
        return question.never(f"no route {asked['route']} has two destinations", f"a destination {asked['to']}")
    version, wanted = _version(question.settings, asked["to"]), question.target.parameters["after"]
    if version != wanted:
        why = f"the route leads to {version}, not to version {wanted}"
        return question.answer(float(shares.sent(question)), why, "at least one pod of it")
    return question.answer(0.0, f"version {version} has pods")


def _versions(settings: Settings, call: Call) -> tuple[Mapping[str, float], str]:
    """Percent of a caller's requests by version, and the rule that says so."""
    route = mesh.route_of(settings, call)
    if route is None:
        return {}, f"no VirtualService takes {call.url}"
    found: Counter[str] = Counter()
    destinations = route.rule["route"]
    for each in destinations:
        weight = float(each.get("weight", 100 if len(destinations) == 1 else 0))
        found[_version(settings, each["destination"]["host"])] += weight  # type: ignore[assignment]
    return found, route.words


def _version(settings: Settings, host: str) -> str:
    """The version of the pods behind a host: the label of the Deployment that is called as the Service is."""
    service, namespace = host.split(".")[:2]
    deployment: Any = settings.get("Deployment", namespace, service)
    if deployment is None or not deployment["spec"].get("replicas", 1):
        return f"nobody at {host}"
    return str(deployment["spec"]["template"]["metadata"]["labels"].get("version", f"unnamed at {host}"))
