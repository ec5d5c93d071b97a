"""A case over time: the faults shaded, and under them what callers saw, who ejected, what was ready, who was told."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.events import Alert, Ejection, Eviction, Phase, Ready
from reports.figures import windows_of, zero_of
from reports.heard import Numbers, heard
from reports.judge.faults import FaultWindow
from reports.lanes import lanes_of
from reports.svg import Scale, box, nice_ticks, plot, tag
from reports.view import STEP, Lane, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reports.model import Verdict
    from reports.record import CaseRecord

_BEFORE_S, _AFTER_S = 30.0, 60.0
_BINS_MAX, _TICKS_MAX = 180, 6
_BINS_S = (1.0, 2, 5, 10, 15, 30, 60, 120, 300)


@dataclass(frozen=True, slots=True)
class Row:
    """A lane as it is drawn: text for the page, and its picture with the faults shaded."""

    lane: Lane
    svg: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the page shows of a case over time.

    Attributes:
        faults: each with how long it was held, in words.
        limits: where promises end, in words; dashed in the pictures.
        ticks: (percent from the left, text).
        bin_s: seconds of one column.
        kinds: which sorts of lanes there are; the legend explains these.
    """

    rows: tuple[Row, ...]
    faults: tuple[str, ...]
    limits: tuple[str, ...]
    ticks: tuple[tuple[float, str], ...]
    bin_s: float
    kinds: frozenset[str]


def timeline(record: CaseRecord, verdicts: Sequence[Verdict]) -> Timeline | None:
    """The lanes of one case; None when the record has nothing that changes over time."""
    requests = {caller.name: heard(caller) for caller in record.callers}
    view = _view(record, [each.done for each in requests.values() if len(each)])
    if view is None:
        return None
    limits = _limits(verdicts, view)
    rows = tuple(_row(lane, view, tuple(limits)) for lane in lanes_of(record, requests, view))
    if not rows:
        return None
    begin, end = view.lo - view.zero, view.hi - view.zero
    ticks = nice_ticks(begin, end, _TICKS_MAX)
    return Timeline(
        rows,
        tuple(_told(window, view) for window in view.windows),
        tuple(f"{limit:g} s after the fault began, the limit of {', '.join(them)}" for limit, them in limits.items()),
        tuple((round((tick - begin) / (end - begin) * 100, 2), f"{tick:g} s") for tick in ticks),
        view.bin_s,
        frozenset(row.lane.kind for row in rows),
    )


def _view(record: CaseRecord, ends: Sequence[Numbers]) -> View | None:
    late = [event.hi for event in record.events if isinstance(event, Alert | Phase | Ejection)]
    moments = [float(moment) for done in ends for moment in (done.min(), done.max())] + late
    moments += [event.t for event in record.events if isinstance(event, Ready | Eviction)]
    windows = windows_of(record)
    moments += [moment for window in windows for moment in (window.started.lo, window.ended.hi)]
    moments, late = ([moment for moment in each if math.isfinite(moment)] for each in (moments, late))
    if not moments:
        return None
    lo, hi, zero = min(moments), max(moments), zero_of(record)
    if windows:
        lo = max(lo, windows[0].started.lo - _BEFORE_S)
        hi = min(hi, max([*late, *(window.ended.hi + _AFTER_S for window in windows)]))
    hi = max(hi, lo + 1)
    bin_s = next((s for s in _BINS_S if (hi - lo) / s <= _BINS_MAX - 2), (hi - lo) / (_BINS_MAX - 2))
    first = math.floor((lo - zero) / bin_s)  # a bin begins where the fault does
    return View(zero + first * bin_s, bin_s, math.ceil((hi - zero) / bin_s) - first, zero, windows)


def _told(window: FaultWindow, view: View) -> str:
    begin, end = window.started.lo - view.zero, window.ended.hi - view.zero
    return f"{window.fault}: held {window.held_s:.1f} s, from {begin:.1f} to {end:.1f} s"


def _row(lane: Lane, view: View, limits: Sequence[float]) -> Row:
    marks = [*_behind(lane.height, view), lane.marks]
    marks += [tag("path", d=f"M{view.x(view.zero + s):g} 0V{lane.height}", class_="limit") for s in limits]
    return Row(lane, plot(view.bins * STEP, lane.height, *marks))


def _behind(height: int, view: View) -> Iterator[str]:
    for window in view.windows:
        yield box(view.x(window.started.lo), view.x(window.ended.hi), 0, height, "fault")
    begin, end = view.lo - view.zero, view.hi - view.zero
    x = Scale(begin, end, 0, view.bins * STEP)
    lines = "".join(f"M{x(tick):g} 0V{height}" for tick in nice_ticks(begin, end, _TICKS_MAX))
    yield tag("path", d=lines, class_="grid")


def _limits(verdicts: Sequence[Verdict], view: View) -> dict[float, list[str]]:
    """Where the promises in seconds end, if that lies in the picture and there is one fault to count from.

    Targets with one limit share a line.
    """
    limits: dict[float, list[str]] = defaultdict(list)
    for verdict in verdicts if len(view.windows) == 1 else ():
        limit = verdict.allowed
        if verdict.unit == "s" and limit is not None and view.zero + limit <= view.hi:
            limits[limit].append(verdict.target)
    return limits
