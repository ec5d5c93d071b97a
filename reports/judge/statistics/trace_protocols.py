"""Whether traces are taken by every protocol, and whether HotROD shows what it should: both by traces of known ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.model import Interval, Parameters, Target
from reports.traces import Trace, TraceHandedIn

from .tracing import PropagationParameters, traces_of, wrong_with

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reports.record import CaseRecord

HOTROD, ANSWERED = "hotrod", "200"
FILES = ("events.ndjson",)


class ProtocolParameters(Parameters):
    """Of missing_protocols.

    Attributes:
        protocols: that must be taken.
        tags: that the stored span must carry, with exactly these values.
    """

    protocols: tuple[str, ...]
    tags: dict[str, str] = Field(default_factory=dict)


class DispatchParameters(Parameters):
    """Of broken_dispatches.

    Attributes:
        services: that every dispatch must lead through.
        first_proxy: service of the proxy that decides whether a dispatch is sampled, whatever its context says.
        dispatches_min: dispatches that HotROD must have answered and the proxy have sampled.
    """

    services: tuple[str, ...]
    first_proxy: str
    dispatches_min: int = Field(default=2, ge=1)


@statistic(ProtocolParameters)
def missing_protocols(record: CaseRecord, target: Target[ProtocolParameters]) -> Measurement:
    """Number of protocols by which a trace was handed in that is not in the store with its tags."""
    stored = {trace.id: trace for trace in traces_of(record)}
    handed = {event.by: event for event in record.of(TraceHandedIn)}
    if untried := [each for each in target.parameters.protocols if each not in handed]:
        raise Inconclusive(f"nobody handed a trace in by {', '.join(untried)}", "see chaos.log of the case")
    wrong = {each: _lacks(stored, handed[each], target.parameters.tags) for each in target.parameters.protocols}
    missing = {each: why for each, why in wrong.items() if why}
    return Measurement(
        Interval(len(missing), len(missing)),
        FILES,
        detail="; ".join(f"{each}: {why}" for each, why in missing.items()) or f"of {len(wrong)}, each with its tags",
        extra={"answers": {each: handed[each].answer for each in wrong}, "missing": missing},
        fix="let the collectors and agents listen for it, and NetworkPolicy tracing/send-spans let it in",
    )


@statistic(DispatchParameters)
def broken_dispatches(record: CaseRecord, target: Target[DispatchParameters]) -> Measurement:
    """Number of answered and sampled dispatches that are not exactly one whole trace over HotROD's services."""
    stored = {trace.id: trace for trace in traces_of(record)}
    asked = [event for event in record.of(TraceHandedIn) if event.by == HOTROD]
    answered = [event.id for event in asked if event.answer == ANSWERED]
    sampled = [each for each in answered if _went_through(stored.get(each), target.parameters.first_proxy)]
    if len(sampled) < target.parameters.dispatches_min:
        raise Inconclusive(
            f"{len(answered)} dispatches were answered and {len(sampled)} of them sampled, "
            f"{target.parameters.dispatches_min} are needed",
            "ask for more; kubectl -n tracing logs deployment/jaeger-hotrod",
        )
    wanted = PropagationParameters(services=target.parameters.services)
    found = {each: [stored[each]] for each in sampled}
    broken = {each: wrong for each, traces in found.items() if (wrong := list(wrong_with(traces, wanted)))}
    return Measurement(
        Interval(len(broken), len(broken)),
        FILES,
        detail="; ".join(f"{each}: {', '.join(wrong)}" for each, wrong in broken.items())
        or f"each of {len(sampled)} sampled dispatches of {len(answered)} is one whole trace",
        extra={"broken": broken, "dispatches": len(answered), "sampled": len(sampled)},
        fix="OTEL_EXPORTER_OTLP_ENDPOINT of Deployment tracing/jaeger-hotrod must lead to a receiver of the collectors",
    )


def _went_through(trace: Trace | None, service: str) -> bool:
    return trace is not None and any(span.service == service for span in trace.spans)


def _lacks(stored: Mapping[str, Trace], handed: TraceHandedIn, tags: Mapping[str, str]) -> str:
    """What keeps a trace that was handed in from being there as it was sent, "" when nothing does."""
    if handed.id not in stored:
        return f"not stored, answered {handed.answer}"
    best = max(sum(span.tags.get(key) == value for key, value in tags.items()) for span in stored[handed.id].spans)
    return "" if best == len(tags) else f"{len(tags) - best} of {len(tags)} tags are lost"
