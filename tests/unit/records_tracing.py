"""Good records of the tracing experiments."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, ZONES, Case

BROWSERS = ("gateway", *ZONES)
ORDERERS = ("orders", *(f"orders-{zone}" for zone in ZONES))
WAY = ("istio-ingressgateway.istio-system", "app.shop", "app", "api.shop", "api", "worker")


def requests(count: int, status: int = 200) -> list[dict[str, Any]]:
    due = [T0 + i / 10 for i in range(count)]
    return [{"i": i, "due": t, "sent": t + 0.001, "done": t + 0.01, "status": status} for i, t in enumerate(due)]


def span(number: int, service: str, parent: int | None, **tags: str) -> dict[str, Any]:
    return {
        "id": f"s{number}",
        "service": service,
        "operation": "step",
        "parent": None if parent is None else f"s{parent}",
        "tags": tags,
    }


def whole(mark: str) -> list[dict[str, Any]]:
    """The spans of an order as they should be; the gateway's and the first proxy's carry its mark."""
    marked = {"experiment.request": mark, "experiment.run": "r", "cluster": "c", "node": "n", "tier": "t"}
    spans = [span(k, service, k - 1 if k else None, **(marked if k < 2 else {})) for k, service in enumerate(WAY)]
    asking = {"db.system": "postgresql"}
    return [*spans, span(10, "worker", 5, **asking), span(9, "api", 4, **asking)]


def trace(name: str, spans: list[dict[str, Any]]) -> dict[str, Any]:
    return {"t": T0 + 90, "kind": "trace", "id": name, "spans": spans}


def searched(held: list[dict[str, Any]], **changes: Any) -> list[dict[str, Any]]:
    found = {"t": T0 + 99, "kind": "trace.search", "run": "r", "traces": len(held), "complete": True, "why": ""}
    return [*held, found | changes]


def roots(**traced: int) -> list[dict[str, Any]]:
    """One trace for each of the first requests of a caller (underscores for dashes)."""
    marks = [f"{name.replace('_', '-')}-{i}" for name, count in traced.items() for i in range(count)]
    return [trace(mark, [span(0, "first", None, **{"experiment.request": mark})]) for mark in marks]


def sampling(events: list[dict[str, Any]], each: int = 375, target: str = "trace.sampling_default") -> Case:
    callers = {name: requests(each) for name in BROWSERS} | {name: requests(60, 201) for name in ORDERERS}
    return Case("tracing/sampling", [target], events, callers=callers)


def shares(gateway: int, zone: int) -> list[dict[str, Any]]:
    return searched(roots(gateway=gateway, us_east_1a=zone, us_east_1b=zone, us_east_1c=zone, orders=1))


def ordered() -> list[dict[str, Any]]:
    """A whole trace of each order from the tenth second on, at ten a second."""
    return [trace(f"t{i}", whole(f"orders-{i}")) for i in range(100, 150)]


def propagation(traces: list[dict[str, Any]]) -> Case:
    return Case("tracing/propagation", ["trace.propagation"], searched(traces), callers={"orders": requests(150, 201)})
