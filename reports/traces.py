"""The events about traces: what the tracing store holds of a run, and how it was asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Span:
    """One step of a trace; `parent` is None for the first. Tags are those that the experiment asked to keep."""

    id: str
    service: str
    operation: str
    parent: str | None = None
    kind: str = ""
    error: bool = False
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """One trace as the tracing store holds it, every span once."""

    kind: Literal["trace"]
    t: float
    id: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class TraceSearch:
    """How the traces of a run were looked for; `complete` only if each answer was whole and two readings were equal."""

    kind: Literal["trace.search"]
    t: float
    run: str
    traces: int
    complete: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class TraceHandedIn:
    """A trace of known id that was handed in by a protocol, or by HotROD, and what was answered."""

    kind: Literal["trace.handed_in"]
    t: float
    by: str
    id: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class TraceMeters:
    """Spans by service, and traces by the service that began them, of a case's time, as somebody counts them."""

    kind: Literal["trace.meters"]
    t: float
    by: Literal["store", "prometheus"]
    spans: dict[str, int]
    traces: dict[str, int]
    complete: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class TracesHeld:
    """The traces of a run that the store had before a fault or after it, each with its number of spans."""

    kind: Literal["traces.held"]
    t: float
    when: Literal["before", "after"]
    traces: dict[str, int]
    complete: bool
    why: str = ""
