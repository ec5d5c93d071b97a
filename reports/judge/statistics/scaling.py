"""Whether load makes more of what scales itself, and its end fewer again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.events import Ready
from reports.judge.faults import FaultWindow, fault_windows
from reports.judge.registry import Broken, Inconclusive, Measurement, statistic
from reports.model import Interval, Target, TierParameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.record import CaseRecord


@statistic(TierParameters)
def scale_out_s(record: CaseRecord, target: Target[TierParameters]) -> Measurement:
    """Seconds from the start of the load on a tier until it has more pods ready than its least, the slowest tier's.

    It is broken too if a tier has more than its least when the record ends: what only grows is no autoscaling.
    """
    windows = {window.target.get("tier"): window for window in fault_windows(record)}
    if missed := sorted(set(target.parameters.tiers) - windows.keys()):
        raise Inconclusive(f"there was no load on {', '.join(missed)}", "see chaos.log of the case")
    least = {tier: int(windows[tier].target["least"]) for tier in target.parameters.tiers}
    seen = {tier: [event for event in record.of(Ready) if event.tier == tier] for tier in least}
    grown = {tier: _grown(events, windows[tier], tier, least[tier]) for tier, events in seen.items()}
    slowest = max(grown, key=lambda tier: (grown[tier].hi, grown[tier].lo))
    most = {tier: max(event.ready for event in events) for tier, events in seen.items()}
    left = {tier: events[-1].ready for tier, events in seen.items() if events[-1].ready > least[tier]}
    return Measurement(
        Interval.worst(grown.values()),
        ("events.ndjson",),
        detail=f"tier {slowest}; at most there were " + ", ".join(f"{most[tier]} {tier}" for tier in sorted(most)),
        extra={
            "ready_after_s": {tier: round(each.hi, 3) if each.ended else None for tier, each in grown.items()},
            "most": most,
        },
        broken=tuple(
            Broken(
                f"{count} pods of tier {tier} are left of the load, and {least[tier]} are the least",
                "scaleDown of its autoscaler: a shorter stabilizationWindowSeconds, policies that take more away",
            )
            for tier, count in left.items()
        ),
        fix="an autoscaler for each tier, with maxReplicas above minReplicas and a target below what the load uses",
    )


def _grown(events: Sequence[Ready], window: FaultWindow, tier: str, least: int) -> Interval:
    before = [event for event in events if event.at_most <= window.started.lo]
    if not before:
        raise Inconclusive(f"tier {tier} was not watched before {window.fault}", "list it in configuration.watch")
    if before[-1].ready != least:
        raise Inconclusive(
            f"tier {tier} had {before[-1].ready} pods ready before the load, and {least} are its least",
            "wait until it is at rest",
        )
    more = [event for event in events if event.at_most > window.started.lo and event.ready > least]
    if not more or more[0].at_least > window.ended.hi:
        return window.unended_since(window.ended.lo)
    return window.since(more[0].at_least, more[0].at_most)
