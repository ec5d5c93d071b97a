"""A run with a case of every sort, and the earlier runs that it is compared with."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from tests.unit.records import (
    CALLERS,
    CLIENTS,
    SIZES,
    T0,
    ZONES,
    Case,
    activity,
    ejection_case,
    journal,
    mtls_case,
    pdb_case,
    pdb_events,
    ready,
    samples,
    zone_case,
    zone_events,
)
from tests.unit.records_alerting import alert, availability
from tests.unit.records_restoration import events as restoration_events
from tests.unit.records_restoration import phase

if TYPE_CHECKING:
    from pathlib import Path

HOST = {"processors": 2, "memory_gib": 23.4, "kernel": "6.1.0"}
ENVIRONMENT = {
    "suite": {"commit": "0123456789abcdef", "changed": False},
    "seed": "1",
    "host": HOST,
    "cluster": {"name": "resilience", "kubernetes": "v1.34.2", "nodes": dict(zip("abc", ZONES, strict=True))},
    "images": [f"image-{number}:1.0" for number in range(40)],
    "python": {"python": "3.13.0", "pytest": "9.0.1"},
}
RATE_HZ = 5
ALERTS = ("ZoneUnavailable", "PodAvailabilityLow", "CircuitBreakerEjecting")


def noisy(rows: list[dict[str, Any]], seed: int = 1) -> list[dict[str, Any]]:
    """The same requests with latencies as they are met: most quick, some slow, failures at once or timed out."""
    draw = random.Random(seed)  # noqa: S311 - figures for a picture
    for row in rows:
        took_s = draw.lognormvariate(-4.2, 0.5) + (draw.random() < 0.02) * draw.uniform(0.1, 0.6)
        row["done"] = row["sent"] + (3.0 if row["status"] == 503 and draw.random() < 0.3 else took_s)
    return rows


def calls(last_s: float, until_s: float = 100.0, cut: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Every caller sees errors from 0.2 s until `last_s`; one in a zone that is cut to the end of it."""
    spans = {caller: [(0.0, 90.0)] if caller == cut else [(0.2, last_s)] for caller in CALLERS}
    return {
        caller: noisy(samples(spans[caller], until_s, RATE_HZ, took_s=0.02), seed)
        for seed, caller in enumerate(CALLERS)
    }


def zoned(t: float, tier: str, *by_zone: int, **more: Any) -> dict[str, Any]:
    return ready(t, tier, sum(by_zone), by_zone=dict(zip(ZONES, by_zone, strict=True)), **more)


def outage(back_s: float) -> list[dict[str, Any]]:
    """The middle zone is cut; every tier comes back on the other two, and is spread again later."""
    kept = [event for event in zone_events(back_s) if event["kind"] != "ready"]
    for tier, size in SIZES.items():
        third, cut = size // 3, {"excluded_zone": ZONES[1]}
        kept += [zoned(-5, tier, third, third, third), zoned(0.3, tier, third, 0, third, **cut)]
        kept += [zoned(back_s - 4, tier, third + 1, 0, third, **cut)]
        kept += [zoned(back_s, tier, size // 2 + size % 2, 0, size // 2, **cut)]
        kept += [zoned(94, tier, third, third, third)]
    return kept


def idle_events(*more: dict[str, Any]) -> list[dict[str, Any]]:
    """Proxies and alerts are watched; nothing happens unless `more` says so."""
    watched = [{"t": T0, "kind": "clients", "expected": list(CLIENTS)}]
    watched += [alert(1, "inactive", name=name) for name in ALERTS]
    return [*watched, *(zoned(-5, tier, size // 3, size // 3, size // 3) for tier, size in SIZES.items()), *more]


def idle_case(*more: dict[str, Any], **changes: Any) -> Case:
    rows = {caller: noisy(samples(until_s=50, rate_hz=RATE_HZ), seed) for seed, caller in enumerate(CALLERS)}
    played = {"run": [activity("watch"), activity("hold", "probe", 60.0, duration=60.0)]}
    whole = {"events": idle_events(*more), "callers": rows, "journal": journal(**played)} | changes
    return Case("baseline/idle", [], **whole)


def outage_case(failover_s: float) -> Case:
    """Both targets of a zone's outage; capacity is back after `failover_s`."""
    case = zone_case(events=outage(failover_s), callers=calls(24.0, cut=ZONES[1]))
    case.targets = ["ha.failover_traffic", "ha.failover_capacity"]
    return case


def restoration_case() -> Case:
    """A database whose bytes come back and whose rows cannot be compared: its tables were not kept."""
    steps = [("destroy", 0, 4, ""), ("detect", 4, 6, "looked for"), ("restore objects", 6, 21, "Completed")]
    steps += [("restore bytes", 21, 48, "of the log"), ("serve", 48, 66, ""), ("verify", 69, 70, "4000 rows")]
    told = [phase(name, lo, hi, detail=detail) for name, lo, hi, detail in steps]
    orders = {"orders": noisy(samples([(0.05, 40.0)], rate_hz=RATE_HZ))}
    return Case("disaster_recovery/volume_loss", ["dr.rto_pv"], restoration_events(*told), callers=orders)


def varied(run: Path, failover_s: float = 50.0) -> Path:
    """Writes a run in which something passed, failed, was not proven, killed, survived, never ran, and was quiet."""
    run.mkdir(parents=True)
    unprotected = ejection_case(
        events=[event for event in ejection_case().events if event["kind"] != "ejection"],
        control="no-outlier-detection",
    )
    survivor = mtls_case()
    survivor.control = "permissive"
    alerting = Case(
        "alerts/pod_availability", ["alert.pod_availability"], availability(), journal(), calls(0.3, until_s=300)
    )
    cases = (
        ejection_case(callers=calls(3.0)),
        unprotected,
        mtls_case(),
        survivor,
        pdb_case(pdb_events(app=[201] * 4)),
        outage_case(failover_s),
        alerting,
        restoration_case(),
        idle_case(),
    )
    for case in cases:
        (case.write(run) / "locust.json").write_text('{"requests": 5120}')
    (run / "environment.json").write_text(json.dumps(ENVIRONMENT | {"expected_cases": ["tracing.sampling"]}))
    return run


def earlier_runs(runs: Path, figures: list[float]) -> None:
    """Writes runs of an outage alone, each with the time that capacity took to be back."""
    for number, figure in enumerate(figures):
        run = runs / f"202601{number + 1:02}T000000Z"
        outage_case(figure).write(run)
        (run / "environment.json").write_text(json.dumps(ENVIRONMENT))
