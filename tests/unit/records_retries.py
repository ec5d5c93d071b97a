"""A good record of mesh/retries: one replica answers 503, then eight do, then the api hangs."""

from __future__ import annotations

from typing import Any

from tests.unit.records import CALLERS, T0, Case, fault, samples

TARGETS = ["mesh.retry", "mesh.retry_backoff", "mesh.retry_timeout"]
ONE, EIGHT, HANGS = (0.0, 20.0), (25.0, 40.0), (50.0, 95.0)
PROXIES = {
    "istio-system/gw-0": "gateway",
    "istio-system/gw-1": "gateway",
    **{f"callers/caller-{z[-1]}": z for z in CALLERS[1:]},
}
GROWING = (0.05, 0.1, 0.2)


def later(events: list[dict[str, Any]], by_s: float) -> list[dict[str, Any]]:
    times = ("t", "lo", "hi")
    return [event | {key: event[key] + by_s for key in times if key in event} for event in events]


def faults() -> list[dict[str, Any]]:
    one = fault("one answers 503", ONE[1], status=503, pods=["app-0"])
    eight = fault("eight answer 503", EIGHT[1] - EIGHT[0], status=503, pods=[f"app-{n}" for n in range(1, 9)])
    hangs = fault("the api hangs", HANGS[1] - HANGS[0], hangs=True, pods=[f"api-{n}" for n in range(6)])
    return [*one, *later(eight, EIGHT[0]), *later(hangs, HANGS[0])]


def counts(t: float, proxy: str, **counted: int) -> dict[str, Any]:
    moment = {"t": T0 + t, "lo": T0 + t - 0.1, "hi": T0 + t}
    return {"kind": "counts", "proxy": proxy, "caller": PROXIES[proxy], "counts": counted} | moment


def counted(again: int = 3, before: int = 7) -> list[dict[str, Any]]:
    """Every proxy, asked before the fault and while it lasts; a proxy does not name what it has not counted yet."""
    looks = [(-6, before), (-3, before), (6, before), (12, before + again // 2), (18, before + again), (30, 99)]
    told = [(t, {"upstream_rq_retry": retries} if retries else {}) for t, retries in looks]
    return [counts(t, proxy, **named) for proxy in PROXIES for t, named in told]


def tries(number: int, *gaps_s: float, status: int = 503) -> dict[str, Any]:
    """A call in the second fault, a tenth of a second after the one before, each try 10 ms."""
    begin, told = T0 + EIGHT[0] + 0.5 + number / 10, []
    for k, gap_s in enumerate((0.0, *gaps_s)):
        begin += gap_s
        told.append({"host": f"app-{k + 1}", "begin": begin, "end": begin + 0.01, "status": status})
        begin += 0.01
    return {"t": T0 + 42, "kind": "tries", "call": f"c{number}", "tries": told}


def read(held: list[dict[str, Any]], **changes: Any) -> list[dict[str, Any]]:
    return [*held, {"t": T0 + 43, "kind": "tries.read", "calls": len(held), "complete": True, "why": ""} | changes]


def browsing(took_s: float = 8.5, status: int = 504) -> list[dict[str, Any]]:
    """Two calls a second; those sent while the api hangs end after `took_s`, or when it heals."""
    rows = samples(rate_hz=2)
    for row in rows:
        if HANGS[0] < row["sent"] - T0 < HANGS[1]:
            row["done"] = row["sent"] + took_s
            row["status"] = status
            if row["done"] > T0 + HANGS[1]:
                row |= {"done": T0 + HANGS[1], "status": 200}
    return rows


def case(events: list[dict[str, Any]] | None = None, **changes: Any) -> Case:
    callers = {name: samples([EIGHT], rate_hz=2) for name in CALLERS}
    callers |= {"browse": browsing(), "browse-us-east-1a": browsing()}
    if events is None:
        events = [*faults(), *counted(), *read([tries(number, *GROWING) for number in range(100)])]
    return Case(**{"experiment": "mesh/retries", "targets": TARGETS, "events": events, "callers": callers} | changes)
