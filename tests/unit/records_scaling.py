"""A good record of tracing/autoscaling: load on collectors from 0 to 60 s, on query pods from 70 s to 140 s.

There are more of each meanwhile, and the least again at 230 s.
"""

from __future__ import annotations

from typing import Any

from tests.unit.records import Case, fault, ready
from tests.unit.records_retries import later

LEAST = {"jaeger-collector": 3, "jaeger-query": 2}
BEGINS_S = {"jaeger-collector": 0.0, "jaeger-query": 70.0}
# (seconds since the first load's start, pods ready) of each tier
SEEN: dict[str, list[tuple[float, int]]] = {
    "jaeger-collector": [(-5, 3), (40, 4), (58, 5), (140, 4), (150, 3)],
    "jaeger-query": [(-5, 2), (125, 3), (230, 2)],
}


def load(tier: str, held_s: float, least: int) -> list[dict[str, Any]]:
    return later(fault(f"load on {tier}", held_s, tier=tier, least=least), BEGINS_S[tier])


def autoscaling(seen: Any = None, loaded: Any = None, held_s: float = 70) -> Case:
    """The record, with other counts of some tiers, load on some tiers only, or another length of the second load."""
    counts = [(t, tier, n) for tier, each in (SEEN | (seen or {})).items() for t, n in each]
    held = {"jaeger-collector": 60, "jaeger-query": held_s}
    loads = [event for tier in loaded or LEAST for event in load(tier, held[tier], LEAST[tier])]
    watched = [ready(t, tier, n, LEAST[tier]) | {"namespace": "tracing"} for t, tier, n in counts]
    events = sorted([*loads, *watched], key=lambda event: event["t"])
    return Case("tracing/autoscaling", ["trace.autoscaling"], events)
