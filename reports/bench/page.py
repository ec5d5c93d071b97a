"""What a report of 60 promises costs: how long it takes and how large its page is.

The run is made up: 60 cases with four callers each at 15 Hz that lived for 180 s.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from reports.events import Clients, Ejection, Event, FaultEnded, FaultStarted, Ready
from reports.model import Interval, Outcome, Verdict
from reports.record import Caller, Case, CaseRecord, Moment, Sample
from reports.results import assemble
from reports.targets import Targets
from reports.write import write_reports

CASES, SECONDS, RATE_HZ = 60, 180, 15
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
PAGE_S_MAX, PAGE_MB_MAX = 2.0, 2.0


def page() -> bool:
    """Times every report of a large run, from its verdicts and records to files; says whether the bounds hold."""
    records = [record(number) for number in range(CASES)]
    with TemporaryDirectory() as folder:
        begin, worked = time.perf_counter(), time.process_time()
        write_reports(
            Path(folder), assemble("bench", [verdict(each) for each in records], records, Targets(())), records
        )
        took_s, worked_s = time.perf_counter() - begin, time.process_time() - worked
        size_mb = (Path(folder) / "report.html").stat().st_size / 1e6
    requests = sum(len(caller.samples) for each in records for caller in each.callers)
    print(f"report of {CASES} promises and {requests} requests")
    print(
        f"processor: {worked_s:.2f} s (at most {PAGE_S_MAX:g}; by the clock {took_s:.2f} s beside whatever else runs)"
    )
    print(f"report.html: {size_mb:.2f} MB (at most {PAGE_MB_MAX:g})")
    return worked_s <= PAGE_S_MAX and size_mb <= PAGE_MB_MAX


def record(number: int) -> CaseRecord:
    """A case with a zone's outage from 40 to 120 s, and callers that see errors for a while."""
    draw = random.Random(number)  # noqa: S311 - made-up figures
    name = f"bench.case_{number}"
    events = tuple(sorted(_events(draw), key=lambda event: event.t))
    callers = tuple(_caller(zone, draw) for zone in ("gateway", *ZONES))
    about = Case(
        name, f"bench/case_{number}", ("t.bench",), None, "A made-up case.", Moment(0.0), Moment(float(SECONDS))
    )
    return CaseRecord(name, about, None, events, callers, ())


def verdict(of: CaseRecord) -> Verdict:
    """A promise that was kept."""
    files = tuple(of.file(name) for name in ("journal.json", "events.ndjson", *(c.file for c in of.callers)))
    return Verdict(
        f"t.{of.name}",
        of.case.case,
        None,
        Outcome.PASSED,
        "measured 20.0 s, allowed < 60 s",
        Interval(19.0, 20.0),
        "A made-up promise",
        60.0,
        "<",
        "s",
        40.0,
        files,
    )


def _events(draw: random.Random) -> Iterator[Event]:
    yield FaultStarted("fault.started", 40, "zone is cut", 40, 40.1, {"zone": ZONES[1]})
    yield FaultEnded("fault.ended", 120, "zone is cut", 120, 120.2)
    clients = tuple(f"shop/app-{number}" for number in range(9))
    yield Clients("clients", 1, clients)
    for client in clients:
        at = 40 + draw.uniform(1, 20)
        yield Ejection("ejection", at, client, "api-3", at - 1, at)
    for tier, size in (("app", 9), ("api", 6), ("worker", 6)):
        for at, kept in ((1, 3), (40, 2), (70, 3), (125, 3)):
            by_zone = dict.fromkeys(ZONES, size // 3) | {ZONES[1]: size // 3 * (kept - 2)}
            yield Ready("ready", at + draw.random(), tier, size, sum(by_zone.values()), "shop", by_zone)


def _caller(name: str, draw: random.Random) -> Caller:
    samples = []
    for i in range(SECONDS * RATE_HZ):
        due = i / RATE_HZ
        failed = 40 < due < 60 and draw.random() < 0.4
        took_s = draw.lognormvariate(-4, 0.6)
        samples.append(Sample(i, due, due + 0.001, due + 0.001 + took_s, 503 if failed else 200))
    return Caller(name, f"samples-{name}.ndjson", None, tuple(samples), None)
