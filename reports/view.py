"""What part of a record a picture shows, and one row of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.judge.faults import FaultWindow

STEP = 5  # pixels of one bin, before the page stretches them


@dataclass(frozen=True, slots=True)
class View:
    """What part of the record is shown, in bins of equal length, and where zero is: the first fault's start."""

    lo: float
    bin_s: float
    bins: int
    zero: float
    windows: tuple[FaultWindow, ...]

    @property
    def hi(self) -> float:
        """The end of what is shown."""
        return self.lo + self.bins * self.bin_s

    def x(self, moment: float) -> float:
        """The pixel of a moment; what lies outside is moved to the edge."""
        pixel = (moment - self.lo) / self.bin_s * STEP
        return round(min(max(pixel, 0.0), self.bins * STEP), 1)


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of a picture.

    Attributes:
        kind: what sort of lane it is, for the legend.
        note: what its figures come to, in words.
        height: in pixels.
        scale: (percent from the top, text) of its vertical scale, units included.
    """

    kind: str
    title: str
    note: str
    height: int
    marks: str
    scale: tuple[tuple[float, str], ...] = ()
