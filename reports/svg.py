"""The few marks a timeline is made of, as SVG text. Everything that comes from a record is escaped here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
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
    """One element; `text` is escaped, children are SVG already. `class_` and `text_anchor` become what SVG says."""
    words = [f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"' for key, value in attributes.items()]
    inside = escape(text) + "".join(children)
    return f"<{name}{''.join(words)}>{inside}</{name}>" if inside else f"<{name}{''.join(words)}/>"


def columns(bars: Iterable[tuple[float, float, float]], baseline: float, class_: str) -> str:
    """Bars as one path: (left, width, height), height upwards when positive and downwards when negative."""
    path = "".join(
        f"M{_short(x)} {_short(baseline)}v{_short(-height)}h{_short(width)}v{_short(height)}z"
        for x, width, height in bars
        if height
    )
    return tag("path", d=path, class_=class_) if path else ""


def staircase(points: Sequence[tuple[float, float]], end_x: float, class_: str) -> str:
    """A value that holds until the next point: (x, y) in pixels."""
    if not points:
        return ""
    path = f"M{_short(points[0][0])} {_short(points[0][1])}"
    path += "".join(f"H{_short(x)}V{_short(y)}" for x, y in points[1:]) + f"H{_short(end_x)}"
    return tag("path", d=path, class_=class_)


def polyline(runs: Iterable[Sequence[tuple[float, float]]], class_: str) -> str:
    """Lines with gaps between the runs; a run of one point is drawn as a dot by its round cap."""
    path = ""
    for run in runs:
        begin, *rest = run
        path += f"M{_short(begin[0])} {_short(begin[1])}"
        path += "".join(f"L{_short(x)} {_short(y)}" for x, y in rest) or "h0"
    return tag("path", d=path, class_=class_) if path else ""


def nice_ticks(lo: float, hi: float, at_most: int = 9) -> list[float]:
    """Round values inside [lo, hi], multiples of 1, 2, 5, 10, 15, 30 or 60 times a power of what people count in."""
    if not lo < hi:
        return [lo]
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
    step = next((s for s in steps if (hi - lo) / s <= at_most), math.ceil((hi - lo) / at_most))
    return [float(k * step) for k in range(math.ceil(lo / step), math.floor(hi / step) + 1)]


def _short(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
