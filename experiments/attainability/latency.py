"""Latency: what a route itself adds to the calls of the kind that goes through the mesh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.attainability import mesh
from experiments.attainability.durations import seconds
from experiments.attainability.model import Attainability, Question
from experiments.attainability.registry import bounds

SHARE = 1.0  # percent: what is held less often does not reach the 99th percentile


@bounds("added_p99_ms")
def added(question: Question) -> Attainability:
    """The delay that the route injects; nothing else that a setting shows adds any."""
    call = question.traffic.callers[question.target.parameters["meshed"]]
    route = mesh.route_of(question.settings, call)
    if route is None:
        return question.answer(0, f"no VirtualService is for {mesh.call_host(call.url)}: nothing holds its calls")
    delay_ms = _delay_ms(route.rule.get("fault") or {})
    words = f"{route.words} holds calls for {delay_ms:g} ms" if delay_ms else f"{route.words} holds no call"
    return question.answer(delay_ms, words, f"{route.words}: no fault.delay")


def _delay_ms(fault: Mapping[str, Any]) -> float:
    delay = fault.get("delay") or {}
    share = float((delay.get("percentage") or {}).get("value", 100))
    return 1000 * seconds(delay.get("fixedDelay", 0)) if share > SHARE else 0.0
