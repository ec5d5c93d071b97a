"""The lines of events.ndjson as typed facts. pydantic reads the text; what comes out is frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from reports.clients import Asked, EjectionEnded
from reports.mesh import Access, Scrape
from reports.proxies import Counts, Tries, TriesRead
from reports.replicas import Places, Served
from reports.surroundings import Attainability, Baseline, Collected, WatcherDied, Weakening
from reports.traces import Trace, TraceHandedIn, TraceMeters, TraceSearch, TracesHeld


@dataclass(frozen=True, slots=True)
class FaultIntent:
    """Written before a fault is injected, so that it can be undone whatever happens."""

    kind: Literal["fault.intent"]
    t: float
    fault: str


@dataclass(frozen=True, slots=True)
class FaultStarted:
    """The fault began in [lo, hi]: just before the injecting call, just after it was confirmed."""

    kind: Literal["fault.started"]
    t: float
    fault: str
    lo: float
    hi: float
    target: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FaultProof:
    """An independent observation that the fault acted, or did not."""

    kind: Literal["fault.proof"]
    t: float
    fault: str
    acted: bool
    by: str = "unknown"
    observed: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FaultEnded:
    """The fault was undone in [lo, hi]."""

    kind: Literal["fault.ended"]
    t: float
    fault: str
    lo: float
    hi: float


@dataclass(frozen=True, slots=True)
class Ejection:
    """A client's proxy marked a host as failing, in [lo, hi]."""

    kind: Literal["ejection"]
    t: float
    client: str
    host: str
    lo: float
    hi: float


@dataclass(frozen=True, slots=True)
class Clients:
    """Every client proxy that should eject; `fault` narrows the list to one fault of the case."""

    kind: Literal["clients"]
    t: float
    expected: tuple[str, ...]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """Ready pods of a tier, from a watch; pods on faulted nodes are not counted."""

    kind: Literal["ready"]
    t: float
    tier: str
    desired: int
    ready: int
    namespace: str = ""
    by_zone: dict[str, int] = field(default_factory=dict)
    excluded_zone: str | None = None
    lo: float | None = None
    hi: float | None = None

    @property
    def at_most(self) -> float:
        """The latest moment at which this became so."""
        return self.t if self.hi is None else self.hi

    @property
    def at_least(self) -> float:
        """The earliest moment at which this became so."""
        return self.t if self.lo is None else self.lo


@dataclass(frozen=True, slots=True)
class Eviction:
    """One call to the eviction API and the HTTP status it answered."""

    kind: Literal["eviction"]
    t: float
    tier: str
    pod: str
    status: int
    namespace: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Handshake:
    """One attempt to talk to a pod's port; `unreachable` proves nothing about encryption."""

    kind: Literal["handshake"]
    t: float
    pod: str
    namespace: str
    port: int
    mode: str
    outcome: Literal["refused", "accepted", "unreachable"]
    detail: str = ""
    peer_identity: str | None = None

    @property
    def where(self) -> str:
        """The port's name as `coverage` writes it."""
        return f"{self.namespace}/{self.pod}:{self.port}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Everything a check must have looked at."""

    kind: Literal["coverage"]
    t: float
    what: str
    expected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pressure:
    """The kernel's own account of waiting for a CPU, in percent of the last 10 s."""

    kind: Literal["pressure"]
    t: float
    cpu_some_avg10: float
    cpu_some_total_us: float = 0


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a recovery, from lo to hi; `unfinished` when patience was over first."""

    kind: Literal["phase"]
    t: float
    name: str
    lo: float
    hi: float
    outcome: Literal["completed", "failed", "unfinished"] = "completed"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    """A source that a restore can use, and how far apart the live settings let its recovery points be.

    Attributes:
        source: "wal-archive" or "backup".
        works: it was seen to make recovery points until the destruction.
        used: the restore did go to the end of it.
        interval_s: the longest time between two recovery points, until the later one is safe in the repository.
    """

    kind: Literal["recovery_point"]
    t: float
    source: str
    works: bool
    used: bool
    interval_s: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RowsRead:
    """The rows of a table were read in [lo, hi] and stand in a file of the case, `<rows>.rows`."""

    kind: Literal["rows_read"]
    t: float
    rows: str
    lo: float
    hi: float
    count: int


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert became so in [lo, hi]: inactive, pending or firing by prometheus, firing or resolved by a channel.

    `about` is what sets its instances in that state apart, by prometheus: ("destination=app.shop",).
    """

    kind: Literal["alert"]
    t: float
    name: str
    state: Literal["inactive", "pending", "firing", "resolved"]
    by: str
    lo: float
    hi: float
    severity: str = ""
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth telling the reader."""

    kind: Literal["note"]
    t: float
    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A kind this version does not know: kept, so that a newer record can be read by an older judge."""

    kind: str
    t: float


type Known = (
    FaultIntent
    | FaultStarted
    | FaultProof
    | FaultEnded
    | Ejection
    | EjectionEnded
    | Clients
    | Asked
    | Ready
    | Eviction
    | Handshake
    | Access
    | Scrape
    | Coverage
    | Places
    | Served
    | Trace
    | TraceSearch
    | Counts
    | Tries
    | TriesRead
    | TraceHandedIn
    | TraceMeters
    | TracesHeld
    | Pressure
    | Phase
    | RecoveryPoint
    | RowsRead
    | Alert
    | Weakening
    | Attainability
    | Collected
    | Baseline
    | WatcherDied
    | Note
)
type Event = Known | Unknown

_KNOWN: TypeAdapter[Known] = TypeAdapter(Annotated[Known, Field(discriminator="kind")])
_UNKNOWN = TypeAdapter(Unknown)


def parse_event(line: str) -> Event:
    """One line of events.ndjson.

    Raises:
        ValueError: the line is not JSON, or lacks what its kind must have (pydantic's ValidationError is one).
    """
    try:
        return _KNOWN.validate_json(line)
    except ValidationError as error:
        if error.errors(include_url=False)[0]["type"] != "union_tag_invalid":
            raise
        return _UNKNOWN.validate_json(line)
