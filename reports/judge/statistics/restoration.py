"""After a database and its volumes are destroyed: how much of it is lost, and how long until it serves again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reports.events import Phase, RecoveryPoint
from reports.judge.acknowledged import Acknowledged, LedgerParameters, acknowledged
from reports.judge.faults import FaultWindow, fault_windows
from reports.judge.registry import Broken, Inconclusive, Measurement, statistic
from reports.model import Interval, Target

from .traffic import RecoveryParameters, last_error, summary

if TYPE_CHECKING:
    from reports.record import Caller, CaseRecord

VERIFIED = "verify"
_FIX = "see which phase failed or took long: objects come from Velero, bytes from pgBackRest, callers from the mesh"


class RestorationParameters(RecoveryParameters, LedgerParameters):
    """Of data_recovery_s."""


@statistic(LedgerParameters)
def data_loss_s(record: CaseRecord, target: Target[LedgerParameters]) -> Measurement:
    """The larger of what was lost and of what the live settings allow to be lost, in seconds before the destruction.

    What was lost is the age of the oldest acknowledged write that did not come back: measured once, at a moment that
    nobody chose to be unlucky. The settings' worst case is therefore asserted too.
    """
    window = _destruction(record)
    ledger = acknowledged(record, window, target.parameters)
    lost = ledger.lost
    figures = {"no acknowledged write was lost": Interval(0.0, 0.0)}
    if lost:
        oldest = Interval(max(0.0, window.started.lo - lost[0].hi), max(0.0, window.started.hi - lost[0].lo))
        figures = {f"the oldest of {len(lost)} lost acknowledged writes": oldest}
    point = _relied_on(record)
    figures[f"worst case of {point.source}: {point.detail}"] = Interval(point.interval_s, point.interval_s)
    decisive = max(figures, key=lambda name: figures[name].hi)
    return Measurement(
        Interval.worst(figures.values()),
        ("events.ndjson", "before.rows", "restored.rows", *(caller.file for caller in record.callers)),
        detail=decisive,
        extra={"ledger": _counts(ledger), "figures": {name: round(i.hi, 3) for name, i in figures.items()}},
        broken=ledger.contradictions(),
        fix="archive the write-ahead log continuously (archive_mode on, archive_timeout far below the limit), "
        "or back up more often than the limit less the time that a backup takes",
    )


@statistic(RestorationParameters)
def data_recovery_s(record: CaseRecord, target: Target[RestorationParameters]) -> Measurement:
    """Seconds from the destruction until writes are acknowledged again and the restored rows are verified."""
    window = _destruction(record)
    phases = {phase.name: phase for phase in record.of(Phase)}
    writers = [caller for caller in record.callers if any(sample.answer for sample in caller.samples)]
    figures = {
        f"writes of caller {caller.name} acknowledged again": _acknowledged_again(caller, window, target.parameters)
        for caller in writers
    }
    verified = phases.get(VERIFIED)
    whole = verified is not None and verified.outcome == "completed"
    figures["restored rows verified"] = (
        window.since(verified.lo, verified.hi) if verified and whole else window.unended_since(window.ended.lo)
    )
    slowest = max(figures, key=lambda name: (figures[name].hi, figures[name].lo))
    broken = tuple(Broken(f"{p.name} failed: {p.detail}", _FIX) for p in phases.values() if p.outcome == "failed")
    ledger = acknowledged(record, window, target.parameters) if whole else None
    return Measurement(
        Interval.worst(figures.values()),
        ("events.ndjson", "before.rows", "restored.rows", *(caller.file for caller in writers)),
        detail=slowest,
        extra={
            "phases_s": {name: round(phase.hi - phase.lo, 3) for name, phase in phases.items()},
            "ledger": _counts(ledger) if ledger else {},
            "callers": {caller.name: summary(caller, window) for caller in writers},
        },
        broken=(*broken, *(ledger.contradictions() if ledger else ())),
        fix=_FIX,
    )


def _destruction(record: CaseRecord) -> FaultWindow:
    window = fault_windows(record)[0]
    if not window.target.get("volumes"):
        raise Inconclusive(f"{window.fault} does not say which volumes were destroyed")
    return window


def _relied_on(record: CaseRecord) -> RecoveryPoint:
    """The tightest source that was seen to work and that the restore used; else the tightest of those it used."""
    points = sorted(record.of(RecoveryPoint), key=lambda point: (not (point.works and point.used), point.interval_s))
    usable = [point for point in points if point.works and point.used]
    if not points:
        raise Inconclusive("the record does not say how far apart recovery points are", "record recovery_point")
    if not usable:
        raise Inconclusive("no source of recovery points was both seen to work and used by the restore")
    return usable[0]


def _acknowledged_again(caller: Caller, window: FaultWindow, parameters: RecoveryParameters) -> Interval:
    errors = last_error(caller, window, parameters)
    if not errors.ended:
        return errors
    samples, failed = window.samples(caller), window.failures(caller)
    if not failed:
        raise Inconclusive(f"caller {caller.name} saw no error: {window.fault} took nothing away from it")
    last = max(failed, key=lambda sample: sample.done)
    again = [s for s in samples if s.answer and not s.failed and s.due > last.due]
    if not again:
        return window.unended_since(window.ended.lo)
    first = min(again, key=lambda sample: sample.done)
    return window.since(last.due, max(last.done, first.done))


def _counts(ledger: Acknowledged) -> dict[str, Any]:
    return {
        "acknowledged_before": len(ledger.called),
        "stood_before": len(ledger.stood),
        "acknowledged_after": len(ledger.later),
        "lost": len(ledger.lost),
        "restored_rows": len(ledger.restored),
    }
