"""A good record of the experiment about the mesh's metrics."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, ZONES, Case, ejection, fault, samples

# In each zone: readers (2 a second from 10 s before the fault until 90 s after it) are tried again, seekers are not.
RATE_HZ, UNTIL_S, READ_AT_S, LAST_S = 2.0, 90.0, -3.0, 95.0
REQUESTS = 2 * int(RATE_HZ * (UNTIL_S - READ_AT_S))  # of both callers of a zone, after the first scrape
ERRORS, RETRIES = 2, 1  # of each zone


def scrape(zone: str, moment: str, **changes: Any) -> dict[str, Any]:
    """What Prometheus has of a zone: 1000 requests at first, and what was sent since then."""
    lo = T0 + (READ_AT_S - 0.2 if moment == "first" else LAST_S)
    more = 0 if moment == "first" else 1
    attempts, answers = 1000 + more * (REQUESTS + RETRIES), 1000 + more * REQUESTS
    figures: dict[str, float] = {"attempts": attempts, "retries": more * RETRIES, "retry_successes": more * RETRIES}
    figures |= {"ejections": more} | ({"errors": ERRORS} if more else {})
    buckets = {"5": 10.0, "10": 500 + more * 0.4 * REQUESTS, "25": answers, "+Inf": answers}
    moments = {"t": lo + 5, "lo": lo, "hi": lo + 0.1}
    named = {"zone": zone, "proxy": f"callers/caller-{zone}-x", "moment": moment}
    return {"kind": "scrape", **named, **moments, "figures": figures, "buckets": buckets, **changes}


def agreement() -> Case:
    """One replica answers 503: in each zone two seekers saw it, a reader did not, and the proxy ejected it."""
    events = fault(held_s=100, pod="shop/app-0")
    events[2] |= {"t": T0 + 99, "observed": {"faulted_total": len(ZONES) * (ERRORS + RETRIES)}}
    events += [ejection(f"callers/caller-{zone}-x", 4) for zone in ZONES]
    events += [scrape(zone, moment) for zone in ZONES for moment in ("first", "last")]
    callers = {zone: samples((), UNTIL_S, RATE_HZ, took_s=0.012) for zone in ZONES}
    callers |= {f"seeks-{zone}": samples([(1, 2)], UNTIL_S, RATE_HZ, took_s=0.012) for zone in ZONES}
    return Case("mesh/metrics", ["mesh.metrics"], events, callers=callers)
