"""Whether the live metrics of tracing say what the store holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.model import Interval, Parameters, Target
from reports.traces import TraceMeters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reports.record import CaseRecord

_LOG = "see chaos.log of the case, then run it again"


class MeterParameters(Parameters):
    """Of differing_services.

    Attributes:
        services_min: services that must have been seen.
        count_min: spans, or traces, of a service that must have been seen if it is to be compared.
        off_percent_max: how far apart two counts may be: what arrives while one of them is read is in one only.
    """

    services_min: int = Field(default=5, ge=1)
    count_min: int = Field(default=20, ge=1)
    off_percent_max: float = Field(default=5, ge=0)


@statistic(MeterParameters)
def differing_services(record: CaseRecord, target: Target[MeterParameters]) -> Measurement:
    """Number of services of which Prometheus counts other spans or traces than the store holds, or none at all."""
    parameters = target.parameters
    store, live = _meters(record, "store"), _meters(record, "prometheus")
    seen = [name for name, count in store.spans.items() if count >= parameters.count_min]
    if len(seen) < parameters.services_min:
        raise Inconclusive(
            f"only {len(seen)} services have {parameters.count_min} spans, {parameters.services_min} are needed",
            "a longer load",
        )
    differing = {
        **dict(_differing("traces", store.traces, live.traces, parameters)),
        **dict(_differing("spans", store.spans, live.spans, parameters)),
    }
    spans = {name: f"{store.spans.get(name, 0)} stored, {live.spans.get(name, 0)} counted" for name in sorted(seen)}
    return Measurement(
        Interval(len(differing), len(differing)),
        ("events.ndjson",),
        detail="; ".join(f"{name}: {why}" for name, why in sorted(differing.items())) or f"of {len(seen)} services",
        extra={"spans": spans, "differing": differing},
        fix="let Prometheus scrape port 14269 of every collector, and keep jaeger_collector_*_saved_by_svc_total",
    )


def _differing(
    what: str, stored: Mapping[str, int], counted: Mapping[str, int], parameters: MeterParameters
) -> Iterator[tuple[str, str]]:
    """Yields services of which the two counts are too far apart, and how far."""
    for name in stored.keys() | counted.keys():
        there, told = stored.get(name, 0), counted.get(name, 0)
        allowed = there * parameters.off_percent_max / 100
        if max(there, told) >= parameters.count_min and abs(there - told) > allowed:
            yield name, f"{there} {what} are stored and {told} counted"


def _meters(record: CaseRecord, by: str) -> TraceMeters:
    found = [event for event in record.of(TraceMeters) if event.by == by]
    if not found:
        raise Inconclusive(f"nobody read what the {by} counts", _LOG)
    if not found[-1].complete:
        raise Inconclusive(f"the {by} had not counted all when it was read: {found[-1].why}", "give it longer")
    return found[-1]
