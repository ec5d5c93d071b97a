"""What a case left behind, once it has been read (reports.reader)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from reports.events import Event
from reports.journal import Journal

if TYPE_CHECKING:
    pass

DefectKind = Literal["missing", "unreadable", "damaged", "torn", "disordered"]


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong with a file of the record.

    `torn` (the last line was cut off) is harmless by itself; `damaged` (a line before the last) and `disordered` (its
    clock went backwards) are not.
    """

    file: str
    kind: DefectKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """The same instant on the monotonic clock, which everything is judged by, and on the wall clock, for people."""

    mono: float
    wall: float = 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """case.json."""

    case: str
    experiment: str
    targets: tuple[str, ...] = ()
    control: str | None = None
    description: str = ""
    started: Moment | None = None
    ended: Moment | None = None


class Sample(Struct, frozen=True, gc=False):
    """One request: when it was meant to go, went, and ended; status 0 means no answer.

    `answer` is the field of the answer that the caller was told to keep, such as the id of what it made.
    """

    i: int
    due: float
    sent: float
    done: float
    status: int
    error: str | None = None
    answer: str | None = None

    @property
    def failed(self) -> bool:
        """Whether there was no answer, or a server's error."""
        return self.status == 0 or self.status >= 500


@dataclass(frozen=True, slots=True)
class CallerHead:
    """First line of a sample file."""

    caller: str
    zone: str | None = None
    rate_hz: float = 0.0
    timeout_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CallerEnd:
    """Last line of a sample file; without it the file is not complete."""

    end: Literal[True]
    planned: int
    sent: int


type Row = CallerHead | Sample | CallerEnd


@dataclass(frozen=True)
class Caller:
    """What one open-loop caller saw, in the order in which requests were due."""

    name: str
    file: str
    head: CallerHead | None
    samples: tuple[Sample, ...]
    end: CallerEnd | None

    @property
    def zone(self) -> str | None:
        """Where it ran; callers are named after their zone when the file does not say."""
        return (self.head.zone if self.head else None) or self.name

    @cached_property
    def failures(self) -> tuple[Sample, ...]:
        """The requests that failed, in the same order."""
        return tuple([sample for sample in self.samples if sample.failed])


@dataclass(frozen=True, slots=True)
class UserLoad:
    """What Locust's users did: load, never a figure."""

    requests: int


@dataclass(frozen=True)
class CaseRecord:
    """Everything a case left behind.

    Attributes:
        name: the folder's name; evidence is named relative to the folder above it.
        case: case.json, or what the folder's name tells when it is missing.
        journal: None when missing or unreadable; `defects` says which.
        users: Locust's totals, None where no Locust ran or it left none.
        rows: by the name of their file, the ids of a table's rows and when each was made (monotonic seconds).
    """

    name: str
    case: Case
    journal: Journal | None
    events: tuple[Event, ...]
    callers: tuple[Caller, ...]
    defects: tuple[Defect, ...]
    users: UserLoad | None = None
    rows: dict[str, dict[str, float]] = field(default_factory=dict)

    def of[E](self, kind: type[E]) -> tuple[E, ...]:
        """The events of one kind, oldest first."""
        return tuple(self._by_kind.get(kind, ()))

    @cached_property
    def _by_kind(self) -> dict[type, list[Any]]:
        found = defaultdict[type, list[Any]](list)  # once: some statistics ask dozens of times
        for event in self.events:
            found[type(event)].append(event)
        return found

    def file(self, name: str) -> str:
        """A file of this case as evidence is named: relative to the run."""
        return f"{self.name}/{name}"
