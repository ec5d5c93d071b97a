"""Good records of the experiments that hit the tracing store and its collectors."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, Case, fault

SENDER = "trace-sender"
WORKLOADS = {"opensearch": 1, "jaeger-collector": 3, "jaeger-query": 2, "jaeger-agent": 3}


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
