"""The fault windows of a record, and who could see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.clients import EjectionEnded
from reports.events import Clients, Ejection, FaultEnded, FaultStarted, Ready
from reports.judge.registry import Inconclusive
from reports.model import Interval

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reports.record import Caller, CaseRecord, Sample


@dataclass(frozen=True, slots=True)
class FaultWindow:
    """One fault from its injection to its end, each known as an interval.

    Attributes:
        target: what the action said it changed.
    """

    fault: str
    started: Interval
    ended: Interval
    target: dict[str, Any]

    @property
    def held_s(self) -> float:
        """Seconds the fault certainly lasted."""
        return max(0.0, self.ended.lo - self.started.hi)

    def since(self, lo: float, hi: float) -> Interval:
        """Seconds from the fault's start to a moment in [lo, hi]; never negative."""
        return Interval(max(0.0, lo - self.started.hi), max(0.0, hi - self.started.lo))

    def unended_since(self, lo: float) -> Interval:
        """As `since`, for what was still so at `lo` and not seen to end."""
        return Interval(max(0.0, lo - self.started.hi), float("inf"))

    def samples(self, caller: Caller) -> tuple[Sample, ...]:
        """Requests that were under way while the fault may have acted."""
        return self._during(caller.samples)

    def failures(self, caller: Caller) -> tuple[Sample, ...]:
        """Those of them that failed."""
        return self._during(caller.failures)

    def _during(self, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        begin, end = self.started.lo, self.ended.hi
        return tuple([sample for sample in samples if sample.sent < end and sample.done >= begin])


def fault_windows(record: CaseRecord) -> tuple[FaultWindow, ...]:
    """Every fault that began and ended, oldest first.

    Raises:
        Inconclusive: there is none.
    """
    found = all_windows(record)
    if not found:
        raise Inconclusive("no fault that began and ended is in the record", "see chaos.log of the case")
    return found


def all_windows(record: CaseRecord) -> tuple[FaultWindow, ...]:
    """As `fault_windows`, for whom none is an answer too."""
    return tuple(_pair(record.of(FaultStarted), list(record.of(FaultEnded))))


def _pair(starts: tuple[FaultStarted, ...], ends: list[FaultEnded]) -> Iterator[FaultWindow]:
    for start in starts:
        end = next((e for e in ends if e.fault == start.fault and e.hi >= start.hi), None)
        if end is not None:
            ends.remove(end)
            yield FaultWindow(
                start.fault, Interval(start.lo, start.hi), Interval(max(end.lo, start.hi), end.hi), start.target
            )


def unhealed(record: CaseRecord) -> tuple[str, ...]:
    """Names of faults that began and were not seen to end."""
    healed = [(window.fault, window.started) for window in all_windows(record)]
    starts = ((start.fault, Interval(start.lo, start.hi)) for start in record.of(FaultStarted))
    return tuple(fault for fault, started in starts if (fault, started) not in healed)


def cut_zones(record: CaseRecord) -> frozenset[str]:
    """Zones that a fault took away."""
    told = {str(start.target["zone"]) for start in record.of(FaultStarted) if start.target.get("zone")}
    return frozenset(told | {event.excluded_zone for event in record.of(Ready) if event.excluded_zone})


def witnesses(record: CaseRecord, *, cuts_zone: bool) -> tuple[Caller, ...]:
    """Callers whose word counts: all, or those outside the zones that were cut."""
    gone = cut_zones(record) if cuts_zone else frozenset()
    return tuple(caller for caller in record.callers if caller.zone not in gone)


def clients_of(record: CaseRecord, window: FaultWindow) -> frozenset[str]:
    """Client proxies that should have ejected this fault's hosts.

    Raises:
        Inconclusive: the record names none.
    """
    lists = [event.expected for event in record.of(Clients) if event.fault in {None, window.fault}]
    clients = frozenset(client for expected in lists for client in expected)
    if not clients:
        raise Inconclusive(
            f"no list of clients that should eject says who was watched during {window.fault}",
            "watch_ejections comes first",
        )
    return clients


def let_in_again(record: CaseRecord, ejection: Ejection) -> EjectionEnded | None:
    """How an ejection ended; None when nobody saw it end."""
    who = (ejection.client, ejection.host)
    ends = [event for event in record.of(EjectionEnded) if (event.client, event.host) == who and event.hi > ejection.hi]
    return min(ends, key=lambda event: event.hi, default=None)


def hosts_of(window: FaultWindow) -> frozenset[str]:
    """Names of the pods a fault broke, without namespace.

    Raises:
        Inconclusive: the fault does not say.
    """
    told = window.target.get("pods") or [window.target.get("pod")]
    hosts = frozenset(str(pod).rpartition("/")[2] for pod in told if pod)
    if not hosts:
        raise Inconclusive(f"{window.fault} does not say which pod it broke", "name it in target.pods")
    return hosts
