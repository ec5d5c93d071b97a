"""The rows of a timeline, each a sort of fact in the record."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np

from reports.events import Alert, Clients, Ejection, Eviction, Phase, Ready
from reports.figures import QUANTILES, sound
from reports.heard import Heard, Numbers, quantiles, quantiles_of_bins
from reports.judge.faults import cut_zones
from reports.svg import Scale, box, columns, polyline, staircase
from reports.view import STEP, Lane, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from reports.record import Caller, CaseRecord

_RATE_PX, _LATENCY_PX, _READY_PX, _ROW_PX = 44, 60, 40, 10
_ROWS_MAX = 24
_QUANTILE_OF = 20  # requests that a quantile should be taken of
_WORDS_MAX = 6
_SLOWEST_S, _QUICKEST_S = 10.0, 0.001
_PROBE = "ReceiverProbe"  # shows that the receiver is alive; no alert of the platform
_NAMES = tuple(f"p{share * 100:g}" for share in QUANTILES)


def lanes_of(record: CaseRecord, requests: Mapping[str, Heard], view: View) -> Iterator[Lane]:
    """Every lane of a case, from what users feel to what the platform did about it; `requests` by caller."""
    return chain(
        chain.from_iterable(_callers(caller, requests[caller.name], record, view) for caller in record.callers),
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


def _callers(caller: Caller, every: Heard, record: CaseRecord, view: View) -> Iterator[Lane]:
    shown = every.only((every.done >= view.lo) & (every.done < view.hi))
    if not len(shown):
        return
    where = ", in the zone that was cut" if caller.zone in cut_zones(record) else ""
    bins = ((shown.done - view.lo) / view.bin_s).astype(np.int64)
    yield _rates(f"Caller {caller.name}{where}", shown, bins, view)
    yield _latencies(shown, bins, view)


def _rates(title: str, shown: Heard, bins: NDArray[np.int64], view: View) -> Lane:
    bad = np.bincount(bins[shown.failed], minlength=view.bins)
    good = np.bincount(bins[~shown.failed], minlength=view.bins)
    up, down = int(good.max()), int(bad.max())
    unit = _RATE_PX / (up + down)
    baseline = round(up * unit)
    marks = columns(np.rint(good * unit).astype(int).tolist(), STEP, baseline, "good")
    marks += columns(
        (-np.ceil(bad * unit)).astype(int).tolist(), STEP, baseline, "bad"
    )  # not one is too few to be seen
    scale = [(0.0, f"{up / view.bin_s:.3g}/s")] if up else []
    scale += [(100.0, f"{down / view.bin_s:.3g}/s failed")] if down else []
    return Lane("calls", title, f"{bad.sum()} of {len(shown)} requests failed", _RATE_PX, marks, tuple(scale))


def _latencies(shown: Heard, bins: NDArray[np.int64], view: View) -> Lane:
    """Quantiles over so many bins that there is something to take a quantile of."""
    filled = len(np.unique(bins))
    several = min(math.ceil(_QUANTILE_OF * filled / len(shown)), max(1, view.bins // _QUANTILE_OF))
    numbers, lines = quantiles_of_bins(bins // several, shown.took, QUANTILES)
    marks = [
        polyline(zip(numbers.tolist(), _heights(line).tolist(), strict=True), several * STEP, name)
        for name, line in zip(_NAMES, lines, strict=True)
    ]
    whole = quantiles(shown.took, QUANTILES)
    words = [f"{name} {_time(took or 0.0)}" for name, took in zip(_NAMES, whole, strict=True)]
    note = f"{', '.join(words)}; per {several * view.bin_s:g} s"
    scale = ((0.0, "10 s"), (50.0, "100 ms"), (100.0, "1 ms"))
    return Lane("latency", "", note, _LATENCY_PX, "".join(reversed(marks)), scale)


def _heights(took: Numbers) -> NDArray[np.int64]:
    """On a scale from 10 s at the top to 1 ms at the bottom."""
    decades = np.log10(_SLOWEST_S / _QUICKEST_S)
    share = np.log10(np.clip(took, _QUICKEST_S, _SLOWEST_S) / _QUICKEST_S) / decades
    pixels: NDArray[np.int64] = np.rint(_LATENCY_PX * (1 - share)).astype(np.int64)
    return pixels


def _ejections(record: CaseRecord, view: View) -> Iterator[Lane]:
    """The matrix of who ejected whom and when: one row per client."""
    by_client: dict[str, list[Ejection]] = defaultdict(list)
    for event in sound(record.of(Ejection)):
        by_client[event.client].append(event)
    for client in sorted({*by_client, *(name for event in record.of(Clients) for name in event.expected)}):
        seen = sorted(by_client[client], key=lambda event: event.hi)
        marks = "".join(box(view.x(e.lo), view.x(e.hi), 0, _ROW_PX, "ejected", e.host) for e in seen)
        told = [f"{event.host} at {_between(event.lo - view.zero, event.hi - view.zero)}" for event in seen]
        yield Lane(
            "ejections",
            f"Ejections by {client}",
            f"ejected {_listed(told)}" if told else "ejected nobody",
            _ROW_PX,
            marks,
        )


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
        admitted = call.status == 201
        top, kind = (0, "admitted") if admitted else (_ROW_PX // 2, "refused")
        marks += box(x, x + 3, top, top + _ROW_PX // 2, kind, title)
    taken = sum(call.status == 201 for call in calls)
    note = f"{taken} admitted, {sum(call.status == 429 for call in calls)} refused with 429"
    return Lane("evictions", f"Evictions of {tier}", note, _ROW_PX, marks)


def _alerts(record: CaseRecord, view: View) -> Iterator[Lane]:
    """One row for Prometheus and one for each channel that was told; alerts that never moved share a row."""
    rows: dict[tuple[str, str], list[Alert]] = defaultdict(list)
    for event in sound(record.of(Alert)):
        if event.name != _PROBE:
            rows[event.name, event.by].append(event)
    silent = sorted(name for (name, by), seen in rows.items() if by == "prometheus" and _silent(seen))
    for (name, by), seen in sorted(rows.items(), key=lambda row: (row[0][0], row[0][1] != "prometheus", row[0])):
        if by != "prometheus" or not _silent(seen):
            told = [f"{event.state} at {_between(event.lo - view.zero, event.hi - view.zero)}" for event in seen]
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


def _between(lo: float, hi: float) -> str:
    early, late = f"{lo:.1f}", f"{hi:.1f}"
    return f"{late} s" if early == late else f"{early} to {late} s"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
