"""How long a bad replica went on hurting callers, and how long until every client had ejected it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reports.events import Ejection, FaultProof, Ready
from reports.judge.faults import FaultWindow, clients_of, fault_windows, hosts_of, witnesses
from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.model import Interval, Target

from .traffic import RecoveryParameters, last_error, summary

if TYPE_CHECKING:
    from reports.record import CaseRecord


@statistic(RecoveryParameters)
def ejection_s(record: CaseRecord, target: Target[RecoveryParameters]) -> Measurement:
    """The later of the last error any caller saw and the last ejection by any expected client, over all faults.

    A client that never ejected within the fault gives "longer than the fault was held".
    """
    figures: dict[str, Interval] = {}
    extra: dict[str, dict[str, object]] = {"callers": {}, "clients": {}, "collateral": {}}
    callers = witnesses(record, cuts_zone=False)
    for window in fault_windows(record):
        for caller in callers:
            figures[f"last error of caller {caller.name} in {window.fault}"] = last_error(
                caller, window, target.parameters
            )
            extra["callers"][f"{caller.name}, {window.fault}"] = summary(caller, window)
        _reached(record, window)
        for client in sorted(clients_of(record, window)):
            for host in sorted(hosts_of(window)):
                figures[f"ejection of {host} by {client}"] = _ejected(record, window, client, host)
                extra["clients"][f"{client}, {host}"] = _shown(figures[f"ejection of {host} by {client}"])
        extra["collateral"][window.fault] = _collateral(record, window)
    slowest = max(figures, key=lambda name: (figures[name].hi, figures[name].lo))
    files = ("events.ndjson", *(caller.file for caller in callers))
    return Measurement(Interval.worst(figures.values()), files, detail=slowest, extra=dict(extra), fix=_fix(record))


def _fix(record: CaseRecord) -> str:
    """Names the smallest setting that admits what had to be ejected: Envoy weighs it as a share of all endpoints."""
    check = "check that outlierDetection is set on the host and that maxEjectionPercent admits "
    hosts = max((hosts_of(window) for window in fault_windows(record)), key=len)
    counts = [event.desired for event in record.of(Ready) if all(host.startswith(f"{event.tier}-") for host in hosts)]
    if not counts or counts[0] < len(hosts):
        return f"{check}{len(hosts)} of n replicas: at least {100 * len(hosts)} / n"
    return f"{check}{len(hosts)} of {counts[0]} replicas: at least {math.ceil(100 * len(hosts) / counts[0])}"


def _ejected(record: CaseRecord, window: FaultWindow, client: str, host: str) -> Interval:
    seen = [event for event in record.of(Ejection) if event.client == client and event.host == host]
    if any(event.hi < window.started.lo for event in seen):
        raise Inconclusive(
            f"{client} had ejected {host} before {window.fault} began",
            "wait until no host is ejected before the fault is injected",
        )
    within = [event for event in seen if event.lo <= window.ended.hi]
    if not within:
        return window.unended_since(window.ended.lo)
    first = min(within, key=lambda event: event.hi)
    return window.since(first.lo, first.hi)


def _reached(record: CaseRecord, window: FaultWindow) -> None:
    """A caller without errors is fine only if the bad replica says that it did answer with errors."""
    answered = [p.observed.get("faulted_total", 0) for p in record.of(FaultProof) if p.fault == window.fault]
    if any(isinstance(count, int | float) and count > 0 for count in answered):
        return
    spared = [c.name for c in witnesses(record, cuts_zone=False) if not window.failures(c)]
    if spared:
        raise Inconclusive(
            f"{', '.join(spared)} saw no error, and no server counter says that {window.fault} answered any request",
            "record fault.proof with observed.faulted_total from the bad replica itself",
        )


def _collateral(record: CaseRecord, window: FaultWindow) -> list[str]:
    """Healthy hosts that were ejected meanwhile: worth knowing, promised nowhere."""
    hosts = hosts_of(window)
    events = (e for e in record.of(Ejection) if window.started.lo <= e.hi and e.lo <= window.ended.hi)
    return sorted({f"{event.host} by {event.client}" for event in events if event.host not in hosts})


def _shown(interval: Interval) -> float | None:
    return round(interval.hi, 3) if interval.ended else None
