"""A case as one picture: the fault shaded, and under it what callers saw, who ejected, which pods were ready."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from reports.events import Clients, Ejection, Eviction, Ready
from reports.judge.faults import FaultWindow, cut_zones, fault_windows
from reports.judge.registry import Inconclusive
from reports.record import Caller, CaseRecord, Sample
from reports.svg import Scale, columns, nice_ticks, polyline, staircase, tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reports.model import Verdict

WIDTH, LEFT, RIGHT = 860.0, 8.0, 852.0
_TITLE, _GAP, _AXIS = 18.0, 12.0, 24.0
_BEFORE_S, _AFTER_S = 30.0, 60.0
_BINS_MAX = 280


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of the picture.

    Attributes:
        draw: gets the lane's top in pixels and gives its marks.
    """

    title: str
    note: str
    height: float
    draw: Callable[[float], str]


@dataclass(frozen=True, slots=True)
class View:
    """What part of the record is shown, and where zero is: the fault's start."""

    x: Scale
    zero: float
    windows: tuple[FaultWindow, ...]

    def holds(self, moment: float) -> bool:
        """Whether a moment is in the picture."""
        return self.x.lo <= moment <= self.x.hi


def timeline(record: CaseRecord, verdicts: Sequence[Verdict]) -> str:
    """The SVG of one case; empty when the record has nothing that changes over time."""
    view = _view(record)
    if view is None:
        return ""
    lanes = [*_caller_lanes(record, view), *_ejection_lanes(record, view), *_ready_lanes(record, view)]
    if not lanes:
        return ""
    body, top = [], 20.0
    for lane in lanes:
        body.append(tag("text", text=lane.title, x=LEFT, y=top + 12, class_="lane"))
        body.append(tag("text", text=lane.note, x=RIGHT, y=top + 12, class_="note", text_anchor="end"))
        body.append(tag("g", lane.draw(top + (_TITLE if lane.title or lane.note else _GAP))))
        top += (_TITLE if lane.title or lane.note else _GAP) + lane.height + _GAP
    bottom = top - _GAP + 4
    shade = "".join(_shade(window, view, bottom) for window in view.windows)
    return tag(
        "svg",
        shade,
        *body,
        _axis(view, bottom),
        _limits(verdicts, view, bottom),
        viewBox=f"0 0 {WIDTH:g} {bottom + _AXIS:g}",
        role="img",
        aria_label=f"Timeline of {record.case.case}",
        class_="timeline",
    )


def _view(record: CaseRecord) -> View | None:
    moments = [sample.done for caller in record.callers for sample in caller.samples]
    moments += [event.t for event in record.events if isinstance(event, Ready | Eviction | Ejection)]
    try:
        windows = fault_windows(record)
    except Inconclusive:
        windows = ()
    moments += [moment for window in windows for moment in (window.started.lo, window.ended.hi)]
    if not moments or not all(math.isfinite(moment) for moment in moments):
        return None
    lo, hi = min(moments), max(moments)
    if windows:
        lo = max(lo, windows[0].started.lo - _BEFORE_S)
        hi = min(hi, max(window.ended.hi for window in windows) + _AFTER_S)
    zero = windows[0].started.lo if windows else lo
    return View(Scale(lo, max(hi, lo + 1), LEFT, RIGHT), zero, windows)


def _shade(window: FaultWindow, view: View, bottom: float) -> str:
    left, right = view.x(window.started.lo), view.x(window.ended.hi)
    label = f"{window.fault}, held {window.held_s:.1f} s"
    return tag(
        "g",
        tag("rect", x=left, y=16.0, width=right - left, height=bottom - 16, class_="fault"),
        tag("text", text=label, x=left, y=12.0, class_="faultname"),
    )


def _axis(view: View, bottom: float) -> str:
    marks = [tag("path", d=f"M{LEFT:g} {bottom:g}H{RIGHT:g}", class_="axis")]
    for tick in nice_ticks(view.x.lo - view.zero, view.x.hi - view.zero):
        x = view.x(view.zero + tick)
        anchor = "start" if x < LEFT + 12 else "end" if x > RIGHT - 12 else "middle"
        marks.append(tag("path", d=f"M{x:g} {bottom:g}v4", class_="axis"))
        marks.append(tag("text", text=f"{tick:g} s", x=x, y=bottom + 17, class_="tick", text_anchor=anchor))
    return "".join(marks)


def _limits(verdicts: Sequence[Verdict], view: View, bottom: float) -> str:
    """Where the promise ends: a dashed line, if it lies in the picture. Targets with one limit share one line."""
    limits: dict[float, list[str]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.unit == "s" and verdict.allowed is not None and view.windows:
            limits[verdict.allowed].append(verdict.target)
    marks = []
    for limit, targets in limits.items():
        if view.holds(view.zero + limit):
            x = view.x(view.zero + limit)
            anchor = "end" if x > WIDTH / 2 else "start"
            label = f"limit {limit:g} s ({', '.join(targets)})"
            marks.append(tag("path", d=f"M{x:g} 16V{bottom:g}", class_="limit"))
            marks.append(tag("text", text=label, x=x, y=12.0, class_="limitname", text_anchor=anchor))
    return "".join(marks)


def _caller_lanes(record: CaseRecord, view: View) -> Iterator[Lane]:
    gone = cut_zones(record)
    notes = iter(("answers per second up, failures down", "slowest answer, 1 ms to 10 s, log scale"))
    for caller in record.callers:
        shown = [sample for sample in caller.samples if view.holds(sample.done)]
        if shown:
            bins = _bins(shown, view)
            failed = sum(sample.failed for sample in shown)
            where = ", in the zone that was cut" if caller.zone in gone else ""
            title = f"Caller {caller.name}{where}: {len(shown)} requests, {failed} failed"
            yield Lane(title, next(notes, ""), 46.0, _rates(bins, view))
            yield Lane("", next(notes, ""), 30.0, _latencies(bins, view, caller))


type Bins = dict[int, list[Sample]]


def _bins(samples: Sequence[Sample], view: View) -> Bins:
    bins: Bins = defaultdict(list)
    for sample in samples:
        bins[int((sample.done - view.x.lo) / _bin_s(view))].append(sample)
    return bins


def _bin_s(view: View) -> float:
    """Seconds of one column: at least one, and few enough columns to be seen."""
    return float(max(1, math.ceil((view.x.hi - view.x.lo) / _BINS_MAX)))


def _rates(bins: Bins, view: View) -> Callable[[float], str]:
    def draw(top: float) -> str:
        good = {k: sum(not sample.failed for sample in samples) for k, samples in bins.items()}
        bad = {k: len(samples) - good[k] for k, samples in bins.items()}
        highest = max(max(good.values()) + max(bad.values()), 1)
        unit = 44.0 / highest
        baseline = top + 1 + max(good.values()) * unit
        return (
            tag("path", d=f"M{LEFT:g} {baseline:g}H{RIGHT:g}", class_="base")
            + columns(((*_span(k, view), count * unit) for k, count in sorted(good.items())), baseline, "good")
            + columns(((*_span(k, view), -count * unit) for k, count in sorted(bad.items())), baseline, "bad")
        )

    return draw


def _span(k: int, view: View) -> tuple[float, float]:
    left = view.x(view.x.lo + k * _bin_s(view))
    return left, max(0.6, view.x(view.x.lo + (k + 1) * _bin_s(view)) - left - 0.4)


def _latencies(bins: Bins, view: View, caller: Caller) -> Callable[[float], str]:
    def draw(top: float) -> str:
        y = Scale(-3.0, 1.0, top + 30, top)
        runs: list[list[tuple[float, float]]] = []
        for k in sorted(bins):
            slowest = max(sample.done - sample.due for sample in bins[k])
            left, width = _span(k, view)
            point = (left + width / 2, y(math.log10(max(slowest, 0.001))))
            if not runs or k - 1 not in bins:
                runs.append([])
            runs[-1].append(point)
        grid = "".join(tag("path", d=f"M{LEFT:g} {y(power):g}H{RIGHT:g}", class_="grid") for power in (-2, -1, 0))
        worst_s = max(sample.done - sample.due for samples in bins.values() for sample in samples)
        return grid + polyline(runs, "slow") + tag("title", text=f"{caller.name}: slowest answer {worst_s:.3f} s")

    return draw


def _ejection_lanes(record: CaseRecord, view: View) -> Iterator[Lane]:
    ejections = sorted((e for e in record.of(Ejection) if view.holds(e.hi)), key=lambda event: event.hi)
    expected = {client for event in record.of(Clients) for client in event.expected}
    if not ejections and not expected:
        return
    first = {event.client: event for event in reversed(ejections)}
    total = max(len(expected | set(first)), 1)

    def draw(top: float) -> str:
        y = Scale(0, total, top + 40, top)
        marks = [(view.x(view.x.lo), y(0))]
        whiskers = []
        for count, event in enumerate(sorted(first.values(), key=lambda event: event.hi), start=1):
            marks.append((view.x(event.hi), y(count)))
            left, right = view.x(event.lo), view.x(event.hi)
            label = f"{event.client} ejected {event.host} {event.hi - view.zero:.2f} s after the fault"
            shape = f"M{left:g} {y(count):g}H{max(right, left + 1):g}"
            whiskers.append(tag("path", tag("title", text=label), d=shape, class_="whisker"))
        ceiling = tag("path", d=f"M{LEFT:g} {y(total):g}H{RIGHT:g}", class_="desired")
        return ceiling + staircase(marks, RIGHT, "ejected") + "".join(whiskers)

    yield Lane(f"Ejections: {len(first)} of {total} clients", "clients that ejected, dashed: all", 42.0, draw)


def _ready_lanes(record: CaseRecord, view: View) -> Iterator[Lane]:
    tiers: dict[str, list[Ready]] = defaultdict(list)
    for event in record.of(Ready):
        tiers[event.tier].append(event)
    for tier, events in tiers.items():
        evictions = [event for event in record.of(Eviction) if event.tier == tier and view.holds(event.t)]
        yield _ready_lane(tier, events, evictions, view)


def _ready_lane(tier: str, events: Sequence[Ready], evictions: Sequence[Eviction], view: View) -> Lane:
    desired = max(1, *(event.desired for event in events))

    def draw(top: float) -> str:
        y = Scale(0, max(desired, *(event.ready for event in events)), top + 38, top + 4)
        points = [(view.x(event.t), y(event.ready)) for event in events if event.t <= view.x.hi]
        marks = [tag("path", d=f"M{LEFT:g} {y(desired):g}H{RIGHT:g}", class_="desired")]
        marks.append(staircase(points, RIGHT, "ready"))
        for earlier, later in pairwise(events):
            if later.ready < earlier.ready and view.holds(later.t):
                marks.append(tag("circle", cx=view.x(later.t), cy=y(later.ready), r=2.2, class_="drop"))
        for number, event in enumerate(evictions, start=1):
            shape = "M-3 0L3 0L0 -6z" if event.status == 201 else "M-3 0L3 -6M3 0L-3 -6"
            label = f"eviction {number} of {event.pod}: {event.status} {event.message}"
            x, kind = view.x(event.t), "evicted" if event.status == 201 else "refused"
            place = f"translate({x:g} {top + 40:g})"
            marks.append(tag("path", tag("title", text=label), d=shape, transform=place, class_=kind))
        return "".join(marks)

    lowest = min(event.ready for event in events)
    title = f"Ready pods of {tier}: {events[-1].ready} of {desired} at the end, lowest {lowest}"
    note = "dashed: wanted" + ("; triangle: evicted, cross: refused" if evictions else "")
    return Lane(title, note, 42.0, draw)
