"""A good record of mesh/rate_limit: 20 requests a second, then 300, then 20; a hundred a second may pass."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, Case, fault, samples

MAY_PASS = 500  # a full bucket of 100, and in 4 s four more


def calls(begin_s: float, rate_hz: float, passed: int | None = None) -> list[dict[str, Any]]:
    """Four seconds of requests, of which the first pass."""
    rows = []
    for i in range(int(4 * rate_hz)):
        sent = T0 + begin_s + i / rate_hz
        status = 200 if passed is None or i < passed else 429
        rows.append({"i": i, "due": sent, "sent": sent, "done": sent + 0.001, "status": status, "error": None})
    return rows


def case(**changed: list[dict[str, Any]]) -> Case:
    callers = {"below": calls(-6, 20), "flood": calls(0, 300, MAY_PASS), "after": calls(6, 20)}
    callers |= {"gateway": samples(until_s=20, rate_hz=3)} | changed
    events = fault("flood", 5, pod="istio-system/gw-0")
    return Case("mesh/rate_limit", ["mesh.rate_limit"], events, callers=callers)
