"""Good records of what Prometheus and the tracing store count of the same time."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, Case
from tests.unit.records_tracing import WAY

STORED = {"spans": dict.fromkeys(WAY, 200) | {"rare": 3}, "traces": {WAY[0]: 100, "rare": 3}}


def meters(by: str, t: float = 0, counts: dict[str, dict[str, int]] | None = None, **more: Any) -> dict[str, Any]:
    told = STORED if counts is None else counts
    return {"t": T0 + t, "kind": "trace.meters", "by": by, "complete": True, "why": "", **told, **more}


def case(counted: dict[str, dict[str, int]] | None = None, **more: Any) -> Case:
    return Case("tracing/metrics", ["trace.metrics"], [meters("store"), meters("prometheus", 20, counted, **more)])
