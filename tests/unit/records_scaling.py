"""A good record of tracing/autoscaling: load from 0 to 60 s, more of each tier meanwhile, the least again at 150 s."""

from __future__ import annotations

from typing import Any

from tests.unit.records import Case, fault, ready

LEAST = {"jaeger-collector": 3, "jaeger-query": 2}
# (seconds since the load's start, pods ready) of each tier
SEEN: dict[str, list[tuple[float, int]]] = {
    "jaeger-collector": [(-5, 3), (40, 4), (58, 5), (140, 4), (150, 3)],
    "jaeger-query": [(-5, 2), (55, 3), (130, 2)],
}


def autoscaling(seen: Any = None, least: Any = None, held_s: float = 60) -> Case:
    """The record, with other counts of some tiers or another word of what their least is."""
    counts = [(t, tier, n) for tier, each in (SEEN | (seen or {})).items() for t, n in each]
    load = fault("the load", held_s, least=LEAST if least is None else least)
    watched = [ready(t, tier, n, LEAST[tier]) | {"namespace": "tracing"} for t, tier, n in counts]
    events = sorted([*load, *watched], key=lambda event: event["t"])
    return Case("tracing/autoscaling", ["trace.autoscaling"], events)
