"""The rows of a timeline, each a sort of fact in the record."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from reports.events import Alert, Clients, Ejection, Eviction, Phase, Ready
from reports.figures import quantile, sound
from reports.judge.faults import cut_zones
from reports.svg import Scale, box, columns, polyline, staircase
from reports.view import STEP, Lane, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reports.record import Caller, CaseRecord, Sample

_RATE_PX, _LATENCY_PX, _READY_PX, _ROW_PX = 44, 60, 40, 10
_ROWS_MAX = 24
_WORDS_MAX = 6
_SLOWEST_S, _QUICKEST_S = 10.0, 0.001
_PROBE = "ReceiverProbe"  # shows that the receiver is alive; no alert of the platform
_QUANTILES = (("p99", 0.99), ("p95", 0.95), ("p50", 0.5))


def lanes_of(record: CaseRecord, view: View) -> Iterator[Lane]:
    """Every lane of a case, from what users feel to what the platform did about it."""
    return chain(
        chain.from_iterable(_callers(caller, record, view) for caller in record.callers),
        _some(_ejections(record, view), "clients"),
        _ready(record, view),
        _some(_alerts(record, view), "rows of alerts"),
        _some(_phases(record, view), "phases"),
    )


def _some(lanes: Iterator[Lane], what: str) -> Iterator[Lane]:
    every = list(lanes)
    yield from every[:_ROWS_MAX]
    if more := every[_ROWS_MAX:]:
        yield Lane(more[0].kind, f"and {len(more)} more {what}", "see results.json", _ROW_PX, "")


def _callers(caller: Caller, record: CaseRecord, view: View) -> Iterator[Lane]:
    bins: dict[int, list[Sample]] = defaultdict(list)
    for sample in caller.samples:
        if (k := view.bin_of(sample.done)) is not None:
            bins[k].append(sample)
    if not bins:
        return
    shown = [sample for samples in bins.values() for sample in samples]
    where = ", in the zone that was cut" if caller.zone in cut_zones(record) else ""
    failed = sum(sample.failed for sample in shown)
    yield _rates(f"Caller {caller.name}{where}", f"{failed} of {len(shown)} requests failed", bins, view)
    yield _latencies(shown, bins)


def _rates(title: str, note: str, bins: dict[int, list[Sample]], view: View) -> Lane:
    bad = {k: sum(sample.failed for sample in samples) for k, samples in bins.items()}
    good = {k: len(samples) - bad[k] for k, samples in bins.items()}
    up, down = max(good.values()), max(bad.values())
    unit = _RATE_PX / (up + down)
    marks = columns({k: count * unit for k, count in good.items()}, STEP, up * unit, "good")
    marks += columns({k: -count * unit for k, count in bad.items()}, STEP, up * unit, "bad")
    scale = [(0.0, f"{up / view.bin_s:.3g}/s")] if up else []
    scale += [(100.0, f"{down / view.bin_s:.3g}/s failed")] if down else []
    return Lane("calls", title, note, _RATE_PX, marks, tuple(scale))


def _latencies(shown: Sequence[Sample], bins: dict[int, list[Sample]]) -> Lane:
    y = Scale(math.log10(_QUICKEST_S), math.log10(_SLOWEST_S), _LATENCY_PX, 0)

    def height(seconds: float) -> float:
        return y(math.log10(max(seconds, _QUICKEST_S)))

    took = {k: sorted(sample.done - sample.due for sample in samples) for k, samples in bins.items()}
    marks = "".join(
        polyline({k: height(quantile(each, share) or 0.0) for k, each in took.items()}, STEP, name)
        for name, share in _QUANTILES
    )
    every = sorted(sample.done - sample.due for sample in shown)
    words = [f"{name} {_time(quantile(every, share) or 0.0)}" for name, share in reversed(_QUANTILES)]
    scale = ((0.0, "10 s"), (50.0, "100 ms"), (100.0, "1 ms"))
    return Lane("latency", "", f"{', '.join(words)} of all shown", _LATENCY_PX, marks, scale)


def _ejections(record: CaseRecord, view: View) -> Iterator[Lane]:
    """The matrix of who ejected whom and when: one row per client."""
    by_client: dict[str, list[Ejection]] = defaultdict(list)
    for event in sound(record.of(Ejection)):
        by_client[event.client].append(event)
    for client in sorted({*by_client, *(name for event in record.of(Clients) for name in event.expected)}):
        seen = sorted(by_client[client], key=lambda event: event.hi)
        marks = "".join(box(view.x(e.lo), view.x(e.hi), 0, _ROW_PX, "ejected", e.host) for e in seen)
        told = [f"{event.host} after {event.lo - view.zero:.1f} to {event.hi - view.zero:.1f} s" for event in seen]
        yield Lane("ejections", client, f"ejected {_listed(told)}" if told else "ejected nobody", _ROW_PX, marks)


def _ready(record: CaseRecord, view: View) -> Iterator[Lane]:
    tiers: dict[str, list[Ready]] = defaultdict(list)
    for event in record.of(Ready):
        tiers[event.tier].append(event)
    evictions: dict[str, list[Eviction]] = defaultdict(list)
    for call in record.of(Eviction):
        evictions[call.tier].append(call)
    every = sorted({zone for event in record.of(Ready) for zone in event.by_zone})
    for tier in sorted({*tiers, *evictions}):
        if tiers[tier]:
            yield _tier(tier, tiers[tier], every, view)
        if evictions[tier]:
            yield _evicted(tier, evictions[tier], view)


def _tier(tier: str, events: Sequence[Ready], zones: Sequence[str], view: View) -> Lane:
    """Zones stacked: the area of the last one ends at the sum."""
    wanted = max(1, *(event.desired for event in events))
    y = Scale(0, max(wanted, *(event.ready for event in events)), _READY_PX, 2)
    shown = [event for event in events if event.t <= view.hi]
    marks = "" if any(event.by_zone for event in shown) else _area(shown, [event.ready for event in shown], y, view, 0)
    for place in reversed(range(len(zones))):
        below = zones[: place + 1]
        counts = [sum(event.by_zone.get(zone, 0) for zone in below) for event in shown]
        marks += _area(shown, counts, y, view, place)
    marks += box(0, view.bins * STEP, y(wanted), y(wanted), "desired")
    lowest = {zone: min(event.by_zone.get(zone, 0) for event in events) for zone in zones}
    by_zone = ", ".join(f"{zone} {count}" for zone, count in lowest.items())
    note = f"lowest {min(event.ready for event in events)} of {wanted}" + (f" ({by_zone})" if by_zone else "")
    return Lane("ready", f"Ready pods of {tier}", note, _READY_PX, marks, ((0.0, f"{wanted} pods"),))


def _area(events: Sequence[Ready], counts: Sequence[int], y: Scale, view: View, place: int) -> str:
    points = [(view.x(event.t), y(count)) for event, count in zip(events, counts, strict=True)]
    return staircase(points, view.bins * STEP, _READY_PX, f"zone{place % 3}")


def _evicted(tier: str, calls: Sequence[Eviction], view: View) -> Lane:
    marks = ""
    for number, call in enumerate(calls, start=1):
        title = f"eviction {number} of {call.pod}: {call.status} {call.message}"
        x = view.x(call.t)
        marks += box(x, x + 3, 0, _ROW_PX, "admitted" if call.status == 201 else "refused", title)
    admitted = sum(call.status == 201 for call in calls)
    note = f"{admitted} admitted, {sum(call.status == 429 for call in calls)} refused with 429"
    return Lane("evictions", f"Evictions of {tier}", note, _ROW_PX, marks)


def _alerts(record: CaseRecord, view: View) -> Iterator[Lane]:
    """One row for Prometheus and one for each channel that was told; alerts that never moved share a row."""
    rows: dict[tuple[str, str], list[Alert]] = defaultdict(list)
    for event in sound(record.of(Alert)):
        if event.name != _PROBE:
            rows[event.name, event.by].append(event)
    silent = sorted(name for (name, by), seen in rows.items() if by == "prometheus" and _silent(seen))
    for (name, by), seen in sorted(rows.items()):
        if by != "prometheus" or not _silent(seen):
            told = [f"{event.state} {event.lo - view.zero:.1f} to {event.hi - view.zero:.1f} s" for event in seen]
            yield Lane("alerts", f"{name}, {by}", _listed(told), _ROW_PX, _states(seen, view))
    if silent:
        yield Lane("alerts", f"{len(silent)} alert(s) stayed inactive", _listed(silent), _ROW_PX, "")


def _silent(seen: Sequence[Alert]) -> bool:
    return all(event.state == "inactive" for event in seen)


def _states(seen: Sequence[Alert], view: View) -> str:
    """A state holds until the next; what a channel was told is a moment."""
    ends = [later.hi for _, later in pairwise(seen)] + [view.hi]
    return "".join(
        box(view.x(e.hi), view.x(end if e.by == "prometheus" else e.hi) + 3, 0, _ROW_PX, e.state, e.state)
        for e, end in zip(seen, ends, strict=True)
        if e.state != "inactive" and e.hi <= view.hi
    )


def _phases(record: CaseRecord, view: View) -> Iterator[Lane]:
    for phase in sorted(sound(record.of(Phase)), key=lambda each: each.lo):
        note = f"{phase.hi - phase.lo:.1f} s, {phase.outcome}" + (f": {phase.detail}" if phase.detail else "")
        mark = box(view.x(phase.lo), view.x(phase.hi), 0, _ROW_PX, phase.outcome)
        yield Lane("phases", f"Phase: {phase.name}", note, _ROW_PX, mark)


def _listed(words: Sequence[str]) -> str:
    more = len(words) - _WORDS_MAX
    return ", ".join(words[:_WORDS_MAX]) + (f" and {more} more" if more > 0 else "")


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
