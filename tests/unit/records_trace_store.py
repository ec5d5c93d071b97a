"""Good records of the experiments that hit the tracing store and its collectors."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, Case, fault, samples
from tests.unit.records_tracing import searched, span, trace

SENDER = "trace-sender"
WORKLOADS = {"opensearch": 1, "jaeger-collector": 3, "jaeger-query": 2, "jaeger-agent": 3}


def stored(marks: list[str], service: str = SENDER) -> list[dict[str, Any]]:
    """A trace for each mark, of one span."""
    return [trace(f"t-{mark}", [span(0, service, None, **{"experiment.request": mark})]) for mark in marks]


def handed_in(
    experiment: str,
    *,
    missing: frozenset[int] = frozenset(),
    refused_s: tuple[float, float] = (0, 0),
    until_s: float = 30,
) -> Case:
    """Ten traces a second from ten seconds before the fault; those that were refused are not stored."""
    rows = samples([refused_s], until_s)
    marks = [f"traces-{row['i']}" for row in rows if row["status"] == 200 and row["i"] not in missing]
    target = {"tracing/collectors": "trace.collectors", "tracing/collector_crash": "trace.collector_crash"}[experiment]
    events = [*fault("a collector goes", 12, pods=["c-0"]), *searched(stored(marks))]
    return Case(experiment, [target], events, callers={"traces": rows})


def held(when: str, t: float, traces: dict[str, int], **more: Any) -> dict[str, Any]:
    return {"t": T0 + t, "kind": "traces.held", "when": when, "traces": traces, "complete": True, "why": "", **more}


def restart(before: dict[str, int] | None = None, after: dict[str, int] | None = None, **changes: Any) -> Case:
    """Fifty traces before the fault, and the same after it."""
    whole = {f"t{i}": 2 for i in range(50)}
    events = [
        held("before", -1, whole if before is None else before),
        *fault("every pod is replaced", 60, workloads=WORKLOADS),
        held("after", 75, whole if after is None else after, **changes),
    ]
    return Case("tracing/restart", ["trace.storage"], events)
