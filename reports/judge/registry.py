"""The statistics by name, and what each needs from the record before it may be believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reports.model import CallerParameters, Interval, Parameters, Target
from reports.record import CaseRecord


class Inconclusive(Exception):  # noqa: N818 - not a bug: an honest answer
    """The record does not allow a figure.

    Attributes:
        reason: one sentence, why not.
        fix: what would allow it.
        starved: the machine had no time for us, which may be otherwise next time.
    """

    def __init__(self, reason: str, fix: str, *, starved: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.fix, self.starved = reason, fix, starved


@dataclass(frozen=True, slots=True)
class Broken:
    """Something the promise forbids and no figure shows, such as an eviction that should have been refused."""

    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """A figure with what it rests on.

    Attributes:
        interval: the figure, in the target's unit.
        files: files of the case it was read from, without the case's name.
        extra: figures worth showing that decide nothing.
        broken: if any, the target failed whatever the figure.
        fix: the smallest change that would help if the figure breaks the limit.
        detail: what the figure is about, for the reason: "last error of caller gateway".
    """

    interval: Interval
    files: tuple[str, ...]
    detail: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    broken: tuple[Broken, ...] = ()
    fix: str = ""


type Measure[P: Parameters] = Callable[[CaseRecord, Target[P]], Measurement]


@dataclass(frozen=True, slots=True)
class Statistic:
    """A function of the record.

    Attributes:
        parameters: what targets.toml may tell it.
        cuts_zone: callers in the zone that is cut are excused and not listened to.
        faults_overlap: it is about several faults at the same time; any other wants one after the other.
    """

    name: str
    measure: Measure[Any]
    parameters: type[Parameters]
    cuts_zone: bool = False
    faults_overlap: bool = False

    @property
    def uses_callers(self) -> bool:
        """Whether it listens to callers, who must have kept pace then."""
        return issubclass(self.parameters, CallerParameters)


STATISTICS: dict[str, Statistic] = {}


def statistic[P: Parameters](
    parameters: type[P], *, cuts_zone: bool = False, faults_overlap: bool = False
) -> Callable[[Measure[P]], Measure[P]]:
    """Registers a function under its own name; targets.toml names it so.

    Raises:
        ValueError: the name is taken.
    """

    def register(measure: Measure[P]) -> Measure[P]:
        name = str(getattr(measure, "__name__", measure))
        if name in STATISTICS:
            raise ValueError(f"two statistics are called {name}")
        STATISTICS[name] = Statistic(name, measure, parameters, cuts_zone, faults_overlap)
        return measure

    return register
