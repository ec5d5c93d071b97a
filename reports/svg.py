"""The few marks that pictures are made of, as SVG text. Everything that comes from a record is escaped here.

A plot is stretched to the width of the page, on a phone as on paper: it holds no text, and its strokes keep their width
(`vector-effect` in the style sheet). Paths are written with relative steps, because a run has hundreds of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps [lo, hi] of a figure to [begin, end] in pixels; outside values are clamped."""

    lo: float
    hi: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a figure."""
        span = self.hi - self.lo
        share = 0.0 if span <= 0 else min(1.0, max(0.0, (value - self.lo) / span))
        return round(self.begin + share * (self.end - self.begin), 1)


def tag(name: str, *children: str, text: str = "", **attributes: str | float) -> str:
    """One element; `text` is escaped, children are SVG already. `class_` becomes what SVG says."""
    words = [f' {key.rstrip("_")}="{escape(_short(value))}"' for key, value in attributes.items()]
    inside = escape(text) + "".join(children)
    return f"<{name}{''.join(words)}>{inside}</{name}>" if inside else f"<{name}{''.join(words)}/>"


def plot(width: float, height: int, *marks: str) -> str:
    """A picture as wide as the page lets it be and `height` pixels high; its own scale is width x height."""
    box = f"0 0 {_short(width)} {height}"
    return tag("svg", *marks, width="100%", height=height, viewBox=box, preserveAspectRatio="none", class_="plot")


def box(left: float, right: float, top: float, bottom: float, class_: str, title: str = "") -> str:
    """A rectangle, never so narrow that it could not be seen."""
    width = max(right - left, 2.0)
    shape = f"M{_short(left)} {_short(top)}h{_short(width)}V{_short(bottom)}h{_short(-width)}z"
    return tag("path", *([tag("title", text=title)] if title else []), d=shape, class_=class_)


def columns(heights: Sequence[int], step: int, baseline: int, class_: str) -> str:
    """Bars of equal width as one outline: that of bin k stands over [k, k + 1] steps; negative ones hang down."""
    path = ""
    for height, group in groupby(heights):
        width = sum(1 for _ in group) * step
        path += f"V{baseline - height}h{width}" if height else f"V{baseline}m{width} 0"
    return tag("path", d=f"M0 {baseline}{path}V{baseline}z", class_=class_) if any(heights) else ""


def staircase(points: Sequence[tuple[float, float]], end_x: float, base_y: float, class_: str) -> str:
    """The area under a value that holds until the next point: (x, y) in pixels."""
    if not points:
        return ""
    path = f"M{_short(points[0][0])} {_short(base_y)}V{_short(points[0][1])}"
    path += "".join(f"H{_short(x)}V{_short(y)}" for x, y in points[1:]) + f"H{_short(end_x)}V{_short(base_y)}z"
    return tag("path", d=path, class_=class_)


def polyline(points: Iterable[tuple[int, int]], step: int, class_: str) -> str:
    """A line through the middles of bins, (bin, y) in order, with gaps where there is none; a lonely bin is a dash."""
    path, last = "", (-2, 0)
    for k, y in points:
        if last[0] != k - 1:
            path += f"M{k * step + step // 2 - 1} {y}h1"
        else:
            path += f"l{step} {y - last[1]}" if y != last[1] else f"h{step}"
        last = (k, y)
    return tag("path", d=path, class_=class_) if path else ""


def nice_ticks(lo: float, hi: float, at_most: int = 9) -> list[float]:
    """Round values inside [lo, hi], multiples of 1, 2, 5, 10, 15, 30 or 60 times a power of what people count in."""
    if not lo < hi:
        return [lo]
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
    step = next((s for s in steps if (hi - lo) / s <= at_most), math.ceil((hi - lo) / at_most))
    return [float(k * step) for k in range(math.ceil(lo / step), math.floor(hi / step) + 1)]


def sparkline(values: Sequence[float], band: tuple[float, float] | None, *, alarm: bool) -> str:
    """Figures of a row of runs, the last one marked, with the band they are expected in."""
    width, height = 96.0, 24.0
    seen = [*values, *(band or ())]
    y = (
        Scale(min(seen), max(seen), height - 3, 3)
        if min(seen) < max(seen)
        else Scale(min(seen) - 1, max(seen) + 1, height, 0)
    )
    x = Scale(0, max(len(values) - 1, 1), 3, width - 4)
    points = [(x(k), y(value)) for k, value in enumerate(values)]
    line = " ".join(f"{_short(px)},{_short(py)}" for px, py in points)
    marks = [box(0, width, y(band[1]), y(band[0]) + 0.5, "band")] if band else []
    marks += [
        tag("polyline", points=line),
        tag("circle", cx=points[-1][0], cy=points[-1][1], r=2.6, class_="alarm" if alarm else "now"),
    ]
    return tag(
        "svg", *marks, width=width, height=height, viewBox=f"0 0 {_short(width)} {_short(height)}", class_="spark"
    )


def _short(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
