"""Good records of the mesh's experiments in which nothing is broken."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, ZONES, Case

PLACES = ("gateway", *ZONES)
WATCHED = tuple(f"callers/caller-{zone}-x" for zone in ZONES)


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


def routing(canary: tuple[int, int] = (31, 310), variants: dict[str, list[str]] | None = None) -> Case:
    """Both ways to release; `variants` replaces what callers of the header route are answered (_ for -)."""
    callers = {f"canary-{place}": answered(split(*canary)) for place in PLACES}
    for variant, version in (("a", "v1"), ("b", "v2")):
        for place in PLACES:
            name = f"{variant}-{place}"
            callers[name] = answered((variants or {}).get(name, [version] * 120))
    events = [{"t": T0, "kind": "note", "text": "nothing is broken"}]
    return Case("mesh/routing", ["mesh.canary", "mesh.ab"], events, callers=callers)


def replicas(tier: str, each: int) -> dict[str, str]:
    """The zone of each replica of a tier, by its name: app-a0, app-a1, …, app-c2."""
    return {f"{tier}-{zone[-1]}{k}": zone for zone in ZONES for k in range(each)}


def places(after_s: float, tier: str = "app", each: int = 3, **changes: Any) -> dict[str, Any]:
    told = {"tier": tier, "namespace": "shop", "zones": replicas(tier, each), "out": {name: [] for name in WATCHED}}
    return {"t": T0 + after_s, "kind": "places", **told, **changes}


def in_turn(zone: str, local: int, of: int, tier: str = "app", each: int = 3) -> list[str]:
    """Who answers a caller of a zone: `local` of `of` at home, each zone's replicas in turn."""
    others = [other for other in ZONES if other != zone]
    away = of - local
    # Spread over the whole, as a weighted rotation does.
    zones = [zone if (i * local) % of < local else others[i % 2] for i in range(of)]
    assert zones.count(zone) == local, (zones.count(zone), away)
    turns = dict.fromkeys(ZONES, 0)
    found = []
    for chosen in zones:
        found.append(f"{tier}-{chosen[-1]}{turns[chosen] % each}")
        turns[chosen] += 1
    return found


def zones(events: list[dict[str, Any]] | None = None, of: int = 560, **local: int) -> Case:
    """Callers in three zones; `local` says how many of a zone's answers came from it (us_east_1a=…)."""
    callers = {zone: answered(in_turn(zone, local.get(zone.replace("-", "_"), of * 4 // 5), of)) for zone in ZONES}
    looks = [places(-0.01), places(of / 10 + 1)]
    ready = [{"t": T0 - 0.02, "kind": "ready", "tier": "app", "namespace": "shop", "desired": 9, "ready": 9}]
    return Case("mesh/zones", ["mesh.zone_routing"], [*looks, *ready] if events is None else events, callers=callers)
