"""Which replica a client's proxy chooses: how much of its calls the settings keep in its zone."""

from __future__ import annotations

from experiments.attainability import mesh, shares
from experiments.attainability.model import Attainability, Question, named
from experiments.attainability.registry import bounds


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
