"""Good records of the mesh's experiments in which nothing is broken."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, ZONES, Case

PLACES = ("gateway", *ZONES)


def answered(by: list[str], rate_hz: float = 10.0, **changes: Any) -> list[dict[str, Any]]:
    """A request each 1 / rate_hz seconds, and who answered it."""
    due = [T0 + i / rate_hz for i in range(len(by))]
    return [
        {"i": i, "due": t, "sent": t + 0.001, "done": t + 0.01, "status": 200, "answer": answer, **changes}
        for i, (t, answer) in enumerate(zip(due, by, strict=True))
    ]


def split(canary: int, of: int) -> list[str]:
    """Versions of which `canary` are the second."""
    return ["v2"] * canary + ["v1"] * (of - canary)


def routing(canary: tuple[int, int] = (31, 310), **variants: list[str]) -> Case:
    """Both ways to release; `variants` replaces what callers of the header route are answered (_ for -)."""
    callers = {f"canary-{place}": answered(split(*canary)) for place in PLACES}
    for variant, version in (("a", "v1"), ("b", "v2")):
        for place in PLACES:
            name = f"{variant}-{place}"
            callers[name] = answered(variants.get(name.replace("-", "_"), [version] * 120))
    events = [{"t": T0, "kind": "note", "text": "nothing is broken"}]
    return Case("mesh/routing", ["mesh.canary", "mesh.ab"], events, callers=callers)
