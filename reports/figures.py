"""What a case shows besides its verdicts: where its time went, and what callers, proxies, pods and alerts did."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reports.events import Alert, Clients, Ejection, Note, Phase, Ready
from reports.heard import Heard, heard, longest_gap_s, quantiles
from reports.judge.faults import FaultWindow, fault_windows
from reports.judge.registry import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reports.record import Caller, CaseRecord

QUANTILES = (0.5, 0.95, 0.99)
_PARTS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Calls:
    """What a caller's requests came to; latencies run from when a request was due, failed ones included.

    Attributes:
        longest_gap_s: longest time between two successes one after the other.
    """

    requests: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    longest_gap_s: float


@dataclass(frozen=True, slots=True)
class CallerFigures:
    """One caller, while a fault acted and while none did."""

    caller: str
    zone: str | None
    clear: Calls
    fault: Calls


@dataclass(frozen=True, slots=True)
class EjectionFigures:
    """A client's proxy took a host out; seconds after the first fault began, or after the case did without one."""

    client: str
    host: str
    lo_s: float
    hi_s: float


@dataclass(frozen=True, slots=True)
class TierFigures:
    """Ready pods of a tier: wanted, the lowest seen at all and in each zone, and how often the count changed."""

    tier: str
    desired: int
    lowest: int
    at_end: int
    changes: int
    lowest_by_zone: dict[str, int]


@dataclass(frozen=True, slots=True)
class AlertFigures:
    """An alert became so, by prometheus or a channel; seconds as for ejections."""

    name: str
    by: str
    state: str
    lo_s: float
    hi_s: float


@dataclass(frozen=True, slots=True)
class PhaseFigures:
    """One phase of a recovery; seconds as for ejections."""

    name: str
    begin_s: float
    took_s: float
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class Part:
    """An activity of the experiment and how long it took."""

    name: str
    took_s: float


@dataclass(frozen=True, slots=True)
class CaseFigures:
    """Where a case's time went and what was seen meanwhile; overhead is what was not the fault itself.

    Attributes:
        overhead_percent: of the faults' own time; None when the case had no fault to compare with.
        slowest: its slowest activities, slowest first.
        clients: proxies that were watched for ejections.
        user_requests: what Locust's users sent: load, never a figure; None where no Locust ran.
    """

    case: str
    experiment: str
    control: str | None
    description: str
    wall_s: float | None
    fault_s: float
    overhead_s: float | None
    overhead_percent: float | None
    defects: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    slowest: tuple[Part, ...] = ()
    callers: tuple[CallerFigures, ...] = ()
    clients: tuple[str, ...] = ()
    ejections: tuple[EjectionFigures, ...] = ()
    tiers: tuple[TierFigures, ...] = ()
    alerts: tuple[AlertFigures, ...] = ()
    phases: tuple[PhaseFigures, ...] = ()
    user_requests: int | None = None


def case_figures(record: CaseRecord) -> CaseFigures:
    """Everything of a case that decides nothing and that a reader or a later comparison wants."""
    case, windows = record.case, windows_of(record)
    zero = zero_of(record)
    fault_s = _union_s((window.started.lo, window.ended.hi) for window in windows)
    wall_s = case.ended.mono - case.started.mono if case.started and case.ended else None
    overhead_s = max(0.0, wall_s - fault_s) if wall_s is not None else None
    return CaseFigures(
        case=case.case,
        experiment=case.experiment,
        control=case.control,
        description=case.description,
        wall_s=_rounded(wall_s),
        fault_s=round(fault_s, 3),
        overhead_s=_rounded(overhead_s),
        overhead_percent=round(overhead_s / fault_s * 100, 1) if overhead_s is not None and fault_s > 0 else None,
        defects=tuple(f"{d.file} is {d.kind}" + (f" ({d.detail})" if d.detail else "") for d in record.defects),
        notes=tuple(note.text for note in record.of(Note)),
        slowest=_slowest(record),
        callers=tuple(_caller(caller, windows) for caller in record.callers),
        clients=tuple(sorted({client for event in record.of(Clients) for client in event.expected})),
        ejections=tuple(
            EjectionFigures(e.client, e.host, round(e.lo - zero, 3), round(e.hi - zero, 3))
            for e in sound(record.of(Ejection))
        ),
        tiers=tuple(_tiers(record.of(Ready))),
        alerts=tuple(
            AlertFigures(a.name, a.by, a.state, round(a.lo - zero, 3), round(a.hi - zero, 3))
            for a in sound(record.of(Alert))
        ),
        phases=tuple(
            PhaseFigures(p.name, round(p.lo - zero, 3), round(p.hi - p.lo, 3), p.outcome, p.detail)
            for p in sound(record.of(Phase))
        ),
        user_requests=record.users.requests if record.users else None,
    )


def sound[E: Ejection | Alert | Phase](events: Iterable[E]) -> tuple[E, ...]:
    """Those that happened at a time that can be drawn and written: a damaged record may say infinity."""
    return tuple(event for event in events if math.isfinite(event.lo) and math.isfinite(event.hi))


def windows_of(record: CaseRecord) -> tuple[FaultWindow, ...]:
    """The faults that began and ended; none is no error here."""
    try:
        return fault_windows(record)
    except Inconclusive:
        return ()


def zero_of(record: CaseRecord) -> float:
    """The moment that a case's seconds are counted from: its first fault, or else its begin, on the record's clock."""
    moments = [window.started.lo for window in windows_of(record)[:1]]
    moments += [record.case.started.mono] if record.case.started else []
    moments += [event.t for event in record.events[:1]]
    return next((moment for moment in moments if math.isfinite(moment)), 0.0)


def _caller(caller: Caller, windows: Sequence[FaultWindow]) -> CallerFigures:
    every = heard(caller)
    met = np.zeros(len(every), np.bool_)
    for window in windows:
        met |= (every.sent < window.ended.hi) & (every.done >= window.started.lo)
    zone = caller.head.zone if caller.head else None
    return CallerFigures(caller.name, zone, calls(every.only(~met)), calls(every.only(met)))


def calls(these: Heard) -> Calls:
    """What requests came to."""
    p50, p95, p99 = (None if q is None else round(q * 1000, 1) for q in quantiles(these.took, QUANTILES))
    return Calls(len(these), int(these.failed.sum()), p50, p95, p99, round(longest_gap_s(these), 3))


def _tiers(events: Iterable[Ready]) -> Iterator[TierFigures]:
    by_tier: dict[str, list[Ready]] = defaultdict(list)
    for event in events:
        by_tier[event.tier].append(event)
    for tier, seen in by_tier.items():
        zones = sorted({zone for event in seen for zone in event.by_zone})
        counts = [event.ready for event in seen]
        yield TierFigures(
            tier=tier,
            desired=seen[-1].desired,
            lowest=min(counts),
            at_end=counts[-1],
            changes=len(seen) - 1,
            lowest_by_zone={zone: min(event.by_zone.get(zone, 0) for event in seen) for zone in zones},
        )


def _slowest(record: CaseRecord) -> tuple[Part, ...]:
    """Probes of the steady state by both their looks together."""
    if record.journal is None:
        return ()
    steady = record.journal.steady_states
    played = [*record.journal.run, *record.journal.rollbacks]
    played += [probe for look in (steady.before, steady.after) if look for probe in look.probes]
    took: dict[str, float] = defaultdict(float)
    for activity in played:
        took[activity.name] += activity.duration or 0.0
    ordered = sorted(took.items(), key=lambda item: -item[1])
    return tuple(Part(name, round(seconds, 3)) for name, seconds in ordered[:_PARTS_SHOWN] if seconds >= 0.1)


def _union_s(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds covered by at least one span."""
    total, reached = 0.0, float("-inf")
    for lo, hi in sorted(spans):
        total += max(0.0, hi - max(lo, reached))
        reached = max(reached, hi)
    return total


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
