"""A good record of what the mesh adds to calls."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, Case, fault

RATE_HZ, UNTIL_S = 30, 95


def calls(slow_ms: float, quick_ms: float, moment_ms: float = 0.0, until_s: float = UNTIL_S) -> list[dict[str, Any]]:
    """One in twenty is slow; for a moment everything is slower, whoever calls."""
    rows = []
    for i in range(int(until_s * RATE_HZ)):
        due = T0 + 0.2 + i / RATE_HZ
        took_ms = (slow_ms if i % 20 == 7 else quick_ms) + (moment_ms if 33 <= due - T0 < 33.15 else 0)
        rows.append({"i": i, "due": due, "sent": due + 0.001, "done": due + 0.001 + took_ms / 1000, "status": 200})
    return rows


def latency(meshed: tuple[float, float] = (9, 4), bare: tuple[float, float] = (5, 2), moment_ms: float = 40.0) -> Case:
    """Three windows of 30 s: the slow calls take 9 ms through the mesh and 5 ms past it, and 40 more for a moment."""
    events = fault("calls through the mesh and past it", held_s=UNTIL_S)
    events += [{"kind": "pressure", "t": T0 + second, "cpu_some_avg10": 20.0} for second in range(1, UNTIL_S, 10)]
    callers = {"meshed": calls(*meshed, moment_ms), "bare": calls(*bare, moment_ms)}
    return Case("mesh/latency", ["mesh.lb_latency"], events, callers=callers)
