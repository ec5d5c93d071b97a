"""One request, one trace: headers are handed on at every hop, and spans are sent where a collector is named.

Without OTEL_EXPORTER_OTLP_ENDPOINT nothing of OpenTelemetry is imported: start-up of 21 pods on two cores counts.
The first proxy decides about sampling; a span here only follows its parent.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

FORWARDED = (
    "x-request-id",
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
)


def forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns the trace headers of a request, for the next hop; names in any case."""
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: lower[name] for name in FORWARDED if name in lower}


@dataclass(slots=True)
class Hop:
    """One step of a trace: `headers` go on to the next hop, `note` adds an attribute to the span if there is one."""

    headers: dict[str, str]
    note: Callable[[str, str | int], None] = field(default=lambda _name, _value: None)


Step = Callable[[str, str, Mapping[str, str]], AbstractContextManager[Hop]]
"""(name, kind: server | client | producer | consumer, headers so far) -> a hop for the time of the step."""


@contextmanager
def silent(_name: str, _kind: str, headers: Mapping[str, str]) -> Iterator[Hop]:
    """Hands the headers on and records nothing."""
    yield Hop(forwarded(headers))


def from_environment(tier: str) -> Step:
    """Returns the step to use: `silent`, or spans by OTLP over HTTP when a collector is named."""
    return _exporting(tier) if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") else silent


def _exporting(tier: str) -> Step:
    from opentelemetry.exporter.otlp.proto.http import trace_exporter  # type: ignore[import-not-found, unused-ignore]
    from opentelemetry.sdk.resources import Resource  # type: ignore[import-not-found, unused-ignore]
    from opentelemetry.sdk.trace import TracerProvider  # type: ignore[import-not-found, unused-ignore]
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # type: ignore[import-not-found, unused-ignore]

    logging.getLogger("opentelemetry").setLevel(logging.ERROR)  # without a collector: not a line for each new attempt
    provider = TracerProvider(resource=Resource.create({"service.name": tier, "service.namespace": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(trace_exporter.OTLPSpanExporter()))
    return spans(provider.get_tracer("shop"))


def spans(tracer: Any) -> Step:
    """Makes steps that are spans of an OpenTelemetry tracer."""
    from opentelemetry.trace import SpanKind  # type: ignore[import-not-found, unused-ignore]
    from opentelemetry.trace.propagation import tracecontext  # type: ignore[import-not-found, unused-ignore]

    propagator = tracecontext.TraceContextTextMapPropagator()

    @contextmanager
    def step(name: str, kind: str, headers: Mapping[str, str]) -> Iterator[Hop]:
        onward = forwarded(headers)
        parent = propagator.extract(onward)
        with tracer.start_as_current_span(name, context=parent, kind=SpanKind[kind.upper()]) as span:
            if span.get_span_context().is_valid:
                propagator.inject(onward)
            yield Hop(onward, span.set_attribute)

    return step
