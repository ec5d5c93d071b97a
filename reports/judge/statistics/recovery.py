"""After a zone is cut: when callers elsewhere stop seeing errors, and when every tier is whole again."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from reports.events import Ready
from reports.judge.faults import FaultWindow, cut_zones, fault_windows, witnesses
from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.model import Interval, Target, TierParameters

from .traffic import RecoveryParameters, last_error, summary

if TYPE_CHECKING:
    from reports.record import CaseRecord


@statistic(RecoveryParameters, cuts_zone=True)
def traffic_recovery_s(record: CaseRecord, target: Target[RecoveryParameters]) -> Measurement:
    """Seconds from the fault to the last error that a caller outside the cut zones saw."""
    _zone_is_known(record)
    callers = witnesses(record, cuts_zone=True)
    figures: dict[str, Interval] = {}
    extra: dict[str, object] = {}
    for window in fault_windows(record):
        for caller in callers:
            name = f"caller {caller.name} in {window.fault}"
            figures[name] = last_error(caller, window, target.parameters)
            extra[name] = summary(caller, window)
    slowest = max(figures, key=lambda name: (figures[name].hi, figures[name].lo))
    return Measurement(
        Interval.worst(figures.values()),
        ("events.ndjson", *(caller.file for caller in callers)),
        detail=f"last error of {slowest}",
        extra={"callers": extra, "cut_zones": sorted(cut_zones(record))},
        fix="shorten what keeps traffic on a dead zone: outlierDetection, connect timeout, retries, node grace period",
    )


@statistic(TierParameters, cuts_zone=True)
def capacity_recovery_s(record: CaseRecord, target: Target[TierParameters]) -> Measurement:
    """Seconds from the fault until every tier has all its pods ready outside the cut zones, and keeps them."""
    _zone_is_known(record)
    tiers = target.parameters.tiers or tuple(sorted({event.tier for event in record.of(Ready)}))
    if not tiers:
        raise Inconclusive("no tier was watched")
    figures = {
        f"tier {tier} in {window.fault}": _whole_again(record, window, tier)
        for window in fault_windows(record)
        for tier in tiers
    }
    slowest = max(figures, key=lambda name: (figures[name].hi, figures[name].lo))
    return Measurement(
        Interval.worst(figures.values()),
        ("events.ndjson",),
        detail=slowest,
        extra={"tiers": {name: _shown(interval) for name, interval in figures.items()}},
        fix="node grace period + tolerationSeconds + start-up must fit the limit: the default toleration of 300 s "
        "alone does not; with topologySpreadConstraints use nodeTaintsPolicy: Honor and no minDomains",
    )


def _whole_again(record: CaseRecord, window: FaultWindow, tier: str) -> Interval:
    watched = [event for event in record.of(Ready) if event.tier == tier and event.at_least <= window.ended.lo]
    before = [event for event in watched if event.at_most <= window.started.lo]
    during = [event for event in watched if event.at_most > window.started.lo]
    if not before:
        raise Inconclusive(f"tier {tier} was not watched before {window.fault} began")
    wanted = before[-1].desired
    if wanted <= 0 or before[-1].ready < wanted:
        raise Inconclusive(f"tier {tier} had {before[-1].ready} of {wanted} pods ready before {window.fault} began")
    if all(event.ready >= wanted for event in during):
        raise Inconclusive(f"{window.fault} took no pod of tier {tier} away: there was nothing to recover from")
    if during[-1].ready < wanted:
        return window.unended_since(window.ended.lo)
    back = [now for earlier, now in pairwise(during) if earlier.ready < wanted <= now.ready]
    return window.since(back[-1].at_least, back[-1].at_most)


def _zone_is_known(record: CaseRecord) -> None:
    if not cut_zones(record):
        raise Inconclusive("the record does not say which zone was cut", "name it in fault.started target.zone")


def _shown(interval: Interval) -> float | None:
    return round(interval.hi, 3) if interval.ended else None
