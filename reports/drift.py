"""Whether a figure that still keeps its promise has moved beyond its noise. Pure; nothing here changes a verdict.

Rule: with n (at least 5) earlier figures of the same target on the same machine, a figure has drifted if it lies
further from their median than `FACTORS[n]` robust standard deviations (1.4826 times the median absolute deviation), and
further than the floor: the noise of an idle run in that unit, and the widest interval that any figure is known to.

The factors are the quantiles of that distance for normal noise, so that a system that did not change is shown as
drifted in `FALSE_ALARM` of its runs (a floor makes it rarer, heavier tails more frequent); a unit test draws them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.model import Verdict

EARLIER_MIN, EARLIER_MAX = 5, 20
FALSE_ALARM = 0.002
_AS_STANDARD_DEVIATION = 1.4826
# For 5, 6, … 20 earlier figures.
_FACTORS = (33.3, 14.6, 13.9, 9.6, 9.3, 7.5, 7.4, 6.4, 6.4, 5.8, 5.7, 5.3, 5.3, 5.0, 5.0, 4.7)
FACTORS = dict(zip(range(EARLIER_MIN, EARLIER_MAX + 1), _FACTORS, strict=True))


@dataclass(frozen=True, slots=True)
class Point:
    """A figure of one run and how exactly it is known, in the target's unit."""

    run: str
    value: float
    width: float = 0.0


@dataclass(frozen=True, slots=True)
class Trend:
    """A target's figure beside those of earlier runs.

    Attributes:
        earlier: oldest first.
        now: None when this run has no figure to compare: it is not known, or the promise is broken anyway.
        usual: median of the earlier figures, None where there are too few.
        noise: how far from the median a figure may lie without having drifted, None where there are too few.
        note: one sentence for a reader.
    """

    target: str
    case: str
    unit: str
    allowed: float | None
    earlier: tuple[Point, ...]
    now: Point | None
    usual: float | None
    noise: float | None
    drifted: bool
    note: str


def point(run: str, verdict: Verdict) -> Point | None:
    """The figure of a verdict as it was judged: its estimate, or else its unfavourable end."""
    interval = verdict.measured
    if interval is None:
        return None
    value = interval.at if interval.at is not None else interval.lo if verdict.relation == ">=" else interval.hi
    width = interval.hi - interval.lo
    return Point(run, round(value, 6), round(width, 6)) if math.isfinite(value) and math.isfinite(width) else None


def trend(verdict: Verdict, earlier: Sequence[Point], now: Point | None, idle_noise: float = 0.0) -> Trend:
    """Compares a run's figure with those of earlier runs; `idle_noise` in its unit, 0 where not known."""
    used = tuple(earlier[-EARLIER_MAX:])
    usual, noise, drifted = None, None, False
    if len(used) < EARLIER_MIN:
        note = f"{len(used)} of the {EARLIER_MIN} earlier runs on this machine that a comparison needs"
    else:
        usual, noise = _usual([each.value for each in used])
        widths = [each.width for each in (*used, *([now] if now else []))]
        noise = max(noise, idle_noise, *widths)
        drifted = now is not None and abs(now.value - usual) > noise
        found = "no figure to compare" if now is None else f"{now.value:.4g} {verdict.unit}"
        note = f"{found}, usually {usual:.4g} ± {noise:.3g} {verdict.unit} ({len(used)} earlier runs)"
    return Trend(verdict.target, verdict.case, verdict.unit, verdict.allowed, used, now, usual, noise, drifted, note)


def _usual(values: Sequence[float]) -> tuple[float, float]:
    """Median, and the distance from it beyond which a figure has drifted."""
    middle = median(values)
    deviation = _AS_STANDARD_DEVIATION * median(abs(value - middle) for value in values)
    return middle, FACTORS[len(values)] * deviation
