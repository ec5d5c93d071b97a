"""A good record of mesh/connection_pool: 300 calls within 2 s while every replica takes 3 s."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, Case, fault, samples

PROXY = "callers/caller-a"
BEGIN_S, DELAY_S = 5.0, 3.0
# A hundred get a connection, a hundred wait for one, a hundred are refused.
FATES = [(DELAY_S + 0.1, 200), (2 * DELAY_S + 0.1, 200), (0.02, 503)]


def calls(count: int = 300, refused_s: float = 0.02) -> list[dict[str, Any]]:
    rows = []
    for i in range(count):
        took_s, status = FATES[i // 100]
        sent = T0 + BEGIN_S + i / 150
        done = sent + (refused_s if status == 503 else took_s)
        rows.append({"i": i, "due": sent, "sent": sent, "done": done, "status": status, "error": None})
    return rows


def look(t: float, connections: int, overflow: int = 0) -> dict[str, Any]:
    counts = {"upstream_cx_active": connections, "upstream_rq_pending_overflow": overflow}
    moment = {"t": T0 + t, "lo": T0 + t - 0.01, "hi": T0 + t}
    return {"kind": "counts", "proxy": PROXY, "caller": "burst", "counts": counts} | moment


def looks(most: int = 100, overflow: int = 100) -> list[dict[str, Any]]:
    quiet = [look(t, 4) for t in (-3.0, -2.0, -1.0, 1.0, 5.2)]
    busy = [look(BEGIN_S + 1 + k / 4, most, overflow) for k in range(12)]
    return [*quiet, *busy, look(15, most - 2, overflow), look(18, most - 2, overflow)]


def case(events: list[dict[str, Any]] | None = None, **changes: Any) -> Case:
    if events is None:
        events = [*fault("slow", 20, delay_s=DELAY_S, pods=[f"app-{n}" for n in range(9)]), *looks()]
    callers = {"gateway": samples(until_s=30, rate_hz=2), "burst": calls()}
    defaults = {"experiment": "mesh/connection_pool", "targets": ["mesh.connection_pool"]}
    return Case(**{**defaults, "events": events, "callers": callers} | changes)
