"""Good records of the mesh's experiments in which nothing is broken."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, ZONES, Case, fault

PLACES = ("gateway", *ZONES)
GREEN_S = 25.0  # from the switch to the roll back
WATCHED = tuple(f"callers/caller-{zone}-x" for zone in ZONES)


def answered(by: list[str], rate_hz: float = 10.0, begin_s: float = 0.0) -> list[dict[str, Any]]:
    """A request each 1 / rate_hz seconds, and who answered it."""
    due = [T0 + begin_s + i / rate_hz for i in range(len(by))]
    return [
        {"i": i, "due": t, "sent": t + 0.001, "done": t + 0.01, "status": 200, "answer": answer}
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
    # Spread over the whole, as a weighted rotation does.
    zones = [zone if (i * local) % of < local else others[i % 2] for i in range(of)]
    assert zones.count(zone) == local
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


def served(after_s: float, **more: int) -> dict[str, Any]:
    """What the api's replicas have counted: what each had before, and `more` (api_a0=…)."""
    counts = {pod: 1000 + k + more.get(pod.replace("-", "_"), 0) for k, pod in enumerate(replicas("api", 2))}
    moment = {"t": T0 + after_s, "lo": T0 + after_s - 0.1, "hi": T0 + after_s}
    return {"kind": "served", "tier": "api", "namespace": "shop", "counts": counts, **moment}


def counted(slow: int = 144) -> dict[str, int]:
    """540 calls in all, 432 to the slow one's zone, of which the other one gets what it leaves."""
    return {"api_a0": slow, "api_a1": 432 - slow, "api_b0": 27, "api_b1": 27, "api_c0": 27, "api_c1": 27}


def balancing(
    slow: int = 144, events: list[dict[str, Any]] | None = None, app: dict[str, list[str]] | None = None
) -> Case:
    """A slow replica api-a0 for 46 s; `app` replaces who answers the caller of the app in a zone."""
    callers = {}
    for zone in ZONES:
        by = (app or {}).get(zone, in_turn(zone, 216, 270))
        callers[f"app-{zone}"] = answered(by, rate_hz=6, begin_s=0.5)
    callers["api-us-east-1a"] = [sample | {"answer": None} for sample in answered([""] * 540, 12, begin_s=0.5)]
    looks = [places(0.2), places(0.21, "api", 2), served(0.4), served(45.7, **counted(slow))]
    looks += [places(45.8), places(45.81, "api", 2)]
    late = fault("replicas of shop/api answer late", 46.0, namespace="shop", app="api", pods=["api-a0"], delay_s=0.6)
    targets = ["mesh.round_robin", "mesh.least_request"]
    return Case("mesh/load_balancing", targets, [*late, *(looks if events is None else events)], callers=callers)


def versions(until_s: float = 60.0, rate_hz: float = 4.0, late_s: float = 1.0) -> list[dict[str, Any]]:
    """A caller from 10 s before the switch, which took hold after `late_s`, as the roll back did."""
    green, blue = 10 + late_s, 10 + GREEN_S + late_s
    due = [i / rate_hz for i in range(int(until_s * rate_hz))]
    return answered(["v2" if green <= t < blue else "v1" for t in due], rate_hz, begin_s=-10)


def blue_green(**callers: list[dict[str, Any]]) -> Case:
    """A switch that is held for 25 s; `callers` replaces what one of them was answered (us_east_1a=…)."""
    named = {name: callers.get(name.replace("-", "_"), versions()) for name in PLACES}
    events = fault("route blue-green is switched", GREEN_S)
    return Case("mesh/blue_green", ["mesh.blue_green"], events, callers=named)
