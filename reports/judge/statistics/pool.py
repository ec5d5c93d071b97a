"""Whether a proxy keeps to its connection pool when it is asked for more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.judge.faults import FaultWindow, fault_windows
from reports.judge.registry import Broken, Inconclusive, Measurement, statistic
from reports.model import CallerParameters, Interval, Target
from reports.proxies import Counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.record import Caller, CaseRecord, Sample

ACTIVE, OVERFLOW = "upstream_cx_active", "upstream_rq_pending_overflow"
UNAVAILABLE = 503
LOOKS_MIN = 2  # at the pool while it was asked for too much


@statistic(CallerParameters)
def most_connections(record: CaseRecord, target: Target[CallerParameters]) -> Measurement:
    """The most connections that one client's proxy had open to a tier that was slow.

    Keeping the limit is proven only if the callers had more calls under way meanwhile, and if the proxy refused some
    and counted that; and each at once, before any slow replica could have answered it.
    """
    windows = [window for window in fault_windows(record) if window.target.get("delay_s")]
    if not windows:
        raise Inconclusive("no fault made replicas slow", "slow_replicas")
    callers = [caller for caller in record.callers if caller.name in target.parameters.callers]
    figures = {
        f"{caller.name} in {window.fault}": _most(record, window, caller, target.limit)
        for window in windows
        for caller in callers
    }
    if not figures:
        raise Inconclusive("no caller left samples", "call burst while the replicas are slow")
    name, most = max(figures.items(), key=lambda item: item[1])
    refused = [sample for window in windows for caller in callers for sample in _refused(window, caller)]
    delay_s = min(float(window.target["delay_s"]) for window in windows)
    late = [sample for sample in refused if sample.done - sample.sent >= delay_s]
    broken = [Broken(f"{len(late)} calls were refused, and only after {delay_s:g} s or more", "fewer pending requests")]
    return Measurement(
        Interval(most, most),
        ("events.ndjson", *(caller.file for caller in callers)),
        detail=f"proxy of {name}; {len(refused)} calls were refused",
        extra={"connections": figures, "refused": len(refused)},
        broken=tuple(broken if late else ()),
        fix=f"connectionPool.tcp.maxConnections: {target.limit:g} in the host's DestinationRule",
    )


def _most(record: CaseRecord, window: FaultWindow, caller: Caller, limit: float) -> int:
    """The highest number of connections at any look; if it is within the limit, that must have been put to the test."""
    asked = [event for event in record.of(Counts) if event.caller == caller.name]
    during = [event for event in asked if event.hi >= window.started.lo and event.lo <= window.ended.hi]
    most = max((event.counts.get(ACTIVE, 0) for event in during), default=0)
    if most <= limit:
        _tested(window, caller, asked, limit)
    return most


def _tested(window: FaultWindow, caller: Caller, asked: Sequence[Counts], limit: float) -> None:
    spans = _beyond(window.samples(caller), limit)
    looks = [event for event in asked if any(begin <= event.lo and event.hi <= end for begin, end in spans)]
    if len(looks) < LOOKS_MIN:
        raise Inconclusive(
            f"its proxy was looked at {len(looks)} times while caller {caller.name} had more than {limit:g} calls "
            f"under way, {LOOKS_MIN} are needed",
            "a larger burst, or replicas that are slower",
        )
    before = [event.counts.get(OVERFLOW, 0) for event in asked if event.hi <= window.started.lo]
    after = [event.counts.get(OVERFLOW, 0) for event in asked if event.hi > window.started.lo]
    if not before or max(after) <= before[-1] or not _refused(window, caller):
        raise Inconclusive(f"no call of caller {caller.name} was refused and counted", "a larger burst")


def _refused(window: FaultWindow, caller: Caller) -> list[Sample]:
    return [sample for sample in window.samples(caller) if sample.status == UNAVAILABLE]


def _beyond(samples: Sequence[Sample], limit: float) -> list[tuple[float, float]]:
    """The times in which more calls than the limit were under way."""
    steps = sorted([(sample.sent, 1) for sample in samples] + [(sample.done, -1) for sample in samples])
    spans, under_way, begin = [], 0, 0.0
    for moment, step in steps:
        was_beyond, under_way = under_way > limit, under_way + step
        if under_way > limit and not was_beyond:
            begin = moment
        elif was_beyond and under_way <= limit:
            spans.append((begin, moment))
    return spans
