"""Good records of traces that were handed in by every protocol."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, Case
from tests.unit.records_tracing import searched, span, trace

PROTOCOLS = (
    "otlp-grpc",
    "otlp-http",
    "zipkin",
    "jaeger-grpc",
    "jaeger-thrift-http",
    "jaeger-thrift-compact",
    "jaeger-thrift-binary",
)
TAGS = {"order.number": "A-1042", "customer.name": "Zoë"}
PROXY = "caller-us-east-1a.callers"
HOTROD = ("frontend", "customer", "mysql", "driver", "redis-manual", "route")


def handed(by: str, number: int, answer: str = "200") -> dict[str, Any]:
    return {"t": T0 + number, "kind": "trace.handed_in", "by": by, "id": f"{by}-{number}", "answer": answer}


def ride(number: int) -> dict[str, Any]:
    """A dispatch over every service, each span below the one before."""
    services = ("by-hotrod", PROXY, *HOTROD)
    return trace(f"hotrod-{number}", [span(k, name, k - 1 if k else None) for k, name in enumerate(services)])


def everything() -> list[dict[str, Any]]:
    """What is handed in, and what the store holds of it, without how it was searched."""
    spoken = [handed(by, 0) for by in PROTOCOLS]
    told = [trace(f"{by}-0", [span(0, f"by-{by}", None, **TAGS)]) for by in PROTOCOLS]
    return [*spoken, *(handed("hotrod", number) for number in range(5)), *told, *(ride(number) for number in range(5))]


def case(events: list[dict[str, Any]] | None = None, target: str = "trace.protocols") -> Case:
    found = everything() if events is None else events
    held = [event for event in found if event["kind"] == "trace"]
    others = [event for event in found if event["kind"] != "trace"]
    return Case("tracing/protocols", [target], [*others, *searched(held)])


def both() -> Case:
    made = case()
    made.targets.append("trace.hotrod")
    return made
