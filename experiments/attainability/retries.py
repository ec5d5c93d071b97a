"""Retries and time-outs: is a call tried again at all, do the gaps grow, and when does a call end at the latest?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from experiments.attainability import mesh
from experiments.attainability.durations import seconds
from experiments.attainability.failover import SILENCE
from experiments.attainability.model import Attainability, Question
from experiments.attainability.registry import bounds
from experiments.traffic import Call

# Conditions under which Envoy tries again when a replica answers 503.
UNAVAILABLE = frozenset({"5xx", "gateway-error", "503"})
ATTEMPTS = 2  # Istio's default
GAP_TIMES_MAX = 10  # Envoy's gaps double until they may be ten times the first
FIX = "attempts: 2 or more, with retryOn: gateway-error"


@bounds("errors_in_spite_of_retries")
def retried(question: Question) -> Attainability:
    """No error need be seen if every caller's route tries again elsewhere what a replica answers with 503."""
    words = ""
    for name, call in _callers(question):
        words, retries = _retries(question, call, UNAVAILABLE)
        if not retries:
            return question.never(f"{words} hands a replica's 503 to caller {name}", f"{words}: {FIX}")
    return question.answer(0, f"{words}: a replica's 503 is tried again")


@bounds("growing_gaps_percent")
def backoff(question: Question) -> Attainability:
    """How often the last gap that Envoy draws is longer than the first, on the route where it is least often."""
    figures = []
    for _, call in _callers(question):
        words, retries = _retries(question, call, UNAVAILABLE)
        if retries < 2:
            return question.never(f"{words} tries a replica's 503 {retries} times again: no gap to compare", FIX)
        figures.append(
            (longer_percent(retries), f"{words}: {retries} attempts more, each gap up to twice the one before")
        )
    floor, bound_by = min(figures)
    return question.answer(floor, bound_by, "attempts: 2 or more")


@bounds("slowest_call_s")
def slowest(question: Question) -> Attainability:
    """The earlier of the route's time-out and the end of its last try, of the route where that comes last."""
    figures = [_end(question, call) for _, call in _callers(question)]
    floor_s, bound_by = max(figures)
    if not math.isfinite(floor_s):
        return question.answer(None, bound_by)
    return question.answer(floor_s, bound_by, f"timeout: less than {question.target.limit:g}s")


def longer_percent(retries: int) -> float:
    """Returns how often a gap drawn evenly from the last range is longer than one from the first."""
    return 100 * (1 - 0.5 / min(2.0 ** (retries - 1), GAP_TIMES_MAX))


def _end(question: Question, call: Call) -> tuple[float, str]:
    words, retries = _retries(question, call, SILENCE)
    rule = _rule(question, call)
    per_try_s = seconds((rule.get("retries") or {}).get("perTryTimeout") or 0)
    whole_s = seconds(rule.get("timeout") or 0)
    ends = {
        f"{words}: timeout {whole_s:g} s": whole_s,
        f"{words}: {retries + 1} tries of {per_try_s:g} s": (retries + 1) * per_try_s,
    }
    return min(((after_s, each) for each, after_s in ends.items() if after_s), default=(math.inf, f"{words}: no end"))


def _callers(question: Question) -> Iterator[tuple[str, Call]]:
    """Yields the callers that the target is about, or all where it names none."""
    named = question.target.parameters.get("callers") or list(question.traffic.callers)
    return ((name, question.traffic.callers[name]) for name in named)


def _rule(question: Question, call: Call) -> dict[str, Any]:
    route = mesh.route_of(question.settings, call)
    return route.rule if route else {}


def _retries(question: Question, call: Call, conditions: frozenset[str]) -> tuple[str, int]:
    """Returns a route's name, and how often it tries again under one of some conditions."""
    route = mesh.route_of(question.settings, call)
    words = route.words if route else f"the mesh, without a VirtualService for {call.url},"
    retries: dict[str, Any] = _rule(question, call).get("retries") or {}
    again = conditions & set(str(retries.get("retryOn", "")).split(","))
    return words, int(retries.get("attempts", ATTEMPTS)) if again else 0
