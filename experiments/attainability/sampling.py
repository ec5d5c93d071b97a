"""Tracing: what the first proxy of a request decides, and whether enough requests are sent to tell it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from experiments.attainability import mesh, shares
from experiments.attainability.model import Attainability, Item, Question, Settings, named
from experiments.attainability.registry import bounds
from experiments.pods import CALLERS
from experiments.traffic import Call

ROOT = "istio-system"
DEFAULT_PERCENT = 1.0  # Istio's, where nobody says a rate
OF = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}
MARK = "experiment.request"  # the tag by which a request is found again
CONTEXT_HEADERS = frozenset({"traceparent", "tracestate"})


@bounds("traced_percent")
def traced(question: Question) -> Attainability:
    """The rate of each caller's first proxy, and enough requests to tell it from the rates in `told_from`."""
    limit, calls = question.target.limit, shares.calls(question)
    rates = {name: _rate(question.settings, call) for name, call in calls.items()}
    name, (percent, words) = max(rates.items(), key=lambda item: abs(item[1][0] - limit))
    if percent != limit:
        return question.answer(percent, f"first proxy of {name}: {words}", f"randomSamplingPercentage: {limit:g}")
    if untagged := _untagged(question.settings, calls, (MARK,)):
        return question.never(*untagged)
    return shares.enough(question, percent, words)


@bounds("untraced_requests")
def untraced(question: Question) -> Attainability:
    """Requests that are to be expected without a trace: those that the first proxy of each caller decides against."""
    return _expected(question, shares.calls(question), tags=(MARK,))


@bounds("broken_traces")
def broken(question: Question) -> Attainability:
    """As `untraced`; and the context must be handed on, and the first span must carry the promised tags."""
    if told := next(_removals(question.settings), None):
        return question.never(*told, float(shares.sent(question)))
    return _expected(
        question, shares.calls(question), tags=tuple(question.target.parameters.get("tags", ())) or (MARK,)
    )


def _expected(question: Question, calls: Mapping[str, Call], tags: tuple[str, ...]) -> Attainability:
    sent, least = shares.sent(question), question.target.parameters.get("samples_min", 1)
    if untagged := _untagged(question.settings, calls, tags):
        return question.never(*untagged, float(sent))
    if sent < least:
        return question.never(
            f"the document sends {sent} requests that count, and {least} are needed",
            f"duration_s: at least {math.ceil(question.traffic.duration_s * least / max(1, sent))}",
        )
    rates = {name: _critical(question, call) for name, call in calls.items()}
    missing = sum(shares.count(question, calls[name]) * (1 - percent / 100) for name, (percent, _) in rates.items())
    name, (percent, words) = min(rates.items(), key=lambda item: item[1][0])
    return question.answer(
        float(math.ceil(round(missing, 6))),
        f"first proxy of {name} traces {percent:g} % of them: {words}",
        "an EnvoyFilter with random_sampling 100 on the critical route, in the gateway and in the callers' sidecars",
    )


def _place(call: Call) -> tuple[str, str]:
    """Namespace and EnvoyFilter context of a caller's first proxy."""
    return (ROOT, "GATEWAY") if call.zone is None else (CALLERS, "SIDECAR_OUTBOUND")


def _rate(settings: Settings, call: Call) -> tuple[float, str]:
    """What Telemetry says: a namespace's own word goes before that of the mesh; later namespaces are not asked."""
    for telemetry, tracing in _tracing(settings, call):
        if tracing.get("disableSpanReporting"):
            return 0.0, f"{named(telemetry)}: disableSpanReporting"
        if "randomSamplingPercentage" in tracing:
            percent = float(tracing["randomSamplingPercentage"])
            return percent, f"{named(telemetry)}: randomSamplingPercentage {percent:g}"
    return DEFAULT_PERCENT, f"no Telemetry says a rate: Istio's default {DEFAULT_PERCENT:g} %"


def _tracing(settings: Settings, call: Call) -> Iterator[tuple[Item, Mapping[str, Any]]]:
    for namespace in dict.fromkeys((_place(call)[0], ROOT)):
        for telemetry in settings.of("Telemetry", namespace):
            if not telemetry["spec"].get("selector"):
                yield from ((telemetry, tracing) for tracing in telemetry["spec"].get("tracing") or [])


def _untagged(settings: Settings, calls: Mapping[str, Call], tags: tuple[str, ...]) -> tuple[str, str] | None:
    for name, call in calls.items():
        entries = list(_tracing(settings, call))
        carried = next((set(tracing["customTags"]) for _, tracing in entries if "customTags" in tracing), set())
        if missing := sorted(set(tags) - carried):
            where = named(entries[0][0]) if entries else f"no Telemetry in {ROOT}"
            return (
                f"first proxy of {name}: {where} has no tag {', '.join(missing)}",
                f"customTags: {', '.join(missing)}",
            )
    return None


def _critical(question: Question, call: Call) -> tuple[float, str]:
    """The rate of a caller's route: Envoy takes a route's own before that of its connection manager."""
    settings, (namespace, context) = question.settings, _place(call)
    found = mesh.route_of(settings, call)
    name = found.rule.get("name") if found else None
    rates = [
        (percent, f"{named(item)}, {context}, route {name}: {percent:g} %")
        for where in dict.fromkeys((ROOT, namespace))
        for item in settings.of("EnvoyFilter", where)
        for percent in _route_rates(item, context, name)
    ]
    if rates:
        return rates[-1]  # of those that merge into one route the last wins
    percent, words = _rate(settings, call)
    return percent, f"no EnvoyFilter for route {name} in context {context}; {words}"


def _route_rates(item: Item, context: str, name: str | None) -> Iterator[float]:
    for change in item["spec"].get("configPatches") or []:
        match = change.get("match") or {}
        route = ((match.get("routeConfiguration") or {}).get("vhost") or {}).get("route") or {}
        rate = ((change.get("patch") or {}).get("value") or {}).get("tracing")
        if change.get("applyTo") != "HTTP_ROUTE" or rate is None:
            continue
        if match.get("context", "ANY") in {"ANY", context} and route.get("name", name) == name:
            yield min(_percent(rate.get(key)) for key in ("random_sampling", "overall_sampling"))


def _percent(fraction: Mapping[str, Any] | None) -> float:
    if fraction is None:
        return 100.0
    return 100 * float(fraction.get("numerator", 0)) / OF[fraction.get("denominator", "HUNDRED")]


def _removals(settings: Settings) -> Iterator[tuple[str, str]]:
    """What takes the trace's context off a request on its way."""
    for item in (*settings.of("EnvoyFilter"), *settings.of("VirtualService")):
        if gone := sorted(CONTEXT_HEADERS & set(_removed(item["spec"]))):
            yield f"{named(item)} removes {', '.join(gone)}", f"{named(item)}: do not remove them"


def _removed(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key in {"remove", "request_headers_to_remove"}:
                yield from [each] if isinstance(each, str) else map(str, each)
            else:
                yield from _removed(each)
    elif isinstance(value, list):
        for each in value:
            yield from _removed(each)
