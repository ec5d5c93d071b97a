"""Which replica a client's proxy chooses: of which zone, in which turn, and whether a slow one less often."""

from __future__ import annotations

from experiments.attainability import mesh, shares
from experiments.attainability.model import Attainability, Question, named
from experiments.attainability.registry import bounds

TURN = "ROUND_ROBIN"
LEAST = frozenset({"LEAST_REQUEST", "LEAST_CONN", "UNSPECIFIED"})  # the last is what Istio does where nobody says


@bounds("local_percent")
def local(question: Question) -> Attainability:
    """What the tier's DestinationRule keeps in each caller's zone, and enough requests in each to tell it."""
    limit, called = question.target.limit, question.arguments("places")
    rule = mesh.rule_of(question.settings, mesh.host_name(called["namespace"], called["app"]))
    hosts = mesh.endpoints(question.settings, called["namespace"], called["app"])
    if rule is None or not hosts:
        return question.never(f"{called['app']} has no DestinationRule, or no endpoint", "deploy it: make up")
    kept = {}
    for call in shares.calls(question).values():
        zone = str(call.zone)
        each = mesh.share(rule, question.settings, zone, zone, hosts) if zone in hosts else 0.0
        kept[zone] = round(100 * each * hosts.get(zone, 0), 3)
    zone, percent = max(kept.items(), key=lambda item: abs(item[1] - limit))
    words = f"{named(rule)} keeps {percent:g} % in {zone}"
    if percent != limit:
        return question.answer(percent, words, f"localityLbSetting.distribute: {limit:g} to the zone's own replicas")
    return shares.enough(question, percent, words, each=True)


@bounds("in_turn_percent")
def in_turn(question: Question) -> Attainability:
    """Every call is in turn if that is the policy; at random, one of so many as there are replicas in a zone."""
    called = question.arguments("places")
    hosts = mesh.endpoints(question.settings, called["namespace"], called["app"])
    words, simple = _policy(question, called["namespace"], called["app"])
    if not hosts:
        return question.never(words, "deploy it: make up")
    if simple != TURN:
        n = max(hosts.values())
        return question.answer(100 * ((n - 1) / n) ** (n - 1), words, f"loadBalancer.simple: {TURN}")
    return question.answer(100.0, words)


@bounds("slow_share_percent")
def slow(question: Question) -> Attainability:
    """A slow replica gets its whole share unless the policy looks at who is busy, and somebody else is in its zone."""
    fault = question.arguments("slow_replicas")
    hosts = mesh.endpoints(question.settings, fault["namespace"], fault["app"])
    words, simple = _policy(question, fault["namespace"], fault["app"])
    if max(hosts.values(), default=0) < 2:
        return question.never(f"{words}; no zone has two replicas", "more replicas", 100.0)
    if simple not in LEAST:
        return question.answer(100.0, words, "loadBalancer.simple: LEAST_REQUEST")
    return question.answer(None, words)


def _policy(question: Question, namespace: str, app: str) -> tuple[str, str]:
    """The words for a tier's policy, and the policy."""
    rule = mesh.rule_of(question.settings, mesh.host_name(namespace, app))
    balancer = mesh.policy(rule).get("loadBalancer") or {}
    simple = str(balancer.get("simple") or ("consistentHash" if "consistentHash" in balancer else "UNSPECIFIED"))
    return f"{named(rule) if rule else f'no DestinationRule is for {app}'}: {simple}", simple
