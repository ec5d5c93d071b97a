"""What the tracing store keeps: of the traces that were handed in, and of those that it had before.

A sender outside of what is broken hands traces in, one with each request, and its samples tell which were accepted. A
trace of it is known by the mark of its request on a span of the sender's own service: proxies on the way trace some of
the requests too, and those spans prove nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from reports.judge.faults import FaultWindow, fault_windows
from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.model import Interval, Parameters, SampledParameters, Target
from reports.traces import TracesHeld

from .tracing import marks_of, traces_of

if TYPE_CHECKING:
    from reports.record import CaseRecord, Sample

SHOWN = 5


class SenderParameters(SampledParameters):
    """Of every statistic about traces that were handed in.

    Attributes:
        service: that the sender's spans say they are of.
    """

    service: str


class HeldParameters(Parameters):
    """Of forgotten_traces.

    Attributes:
        traces_min: traces that must have been found before.
        workloads: of which every pod must have been replaced.
    """

    traces_min: int = Field(default=20, ge=1)
    workloads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HandedIn:
    """The traces that were sent, by their marks.

    Attributes:
        refused: not answered, or not with 2xx, and not in the store.
        lost: accepted, and not in the store.
    """

    sent: int
    accepted: int
    refused: tuple[str, ...]
    lost: tuple[str, ...]

    def told(self) -> dict[str, object]:
        """What is worth showing."""
        return {"sent": self.sent, "accepted": self.accepted, "refused": list(self.refused), "lost": list(self.lost)}


@statistic(SenderParameters)
def unstored_traces(record: CaseRecord, target: Target[SenderParameters]) -> Measurement:
    """Number of traces that were sent and are not in the store, whether they were refused or lost on the way."""
    handed = _handed_in(record, target.parameters)
    missing = (*handed.refused, *handed.lost)
    counts = f"{len(handed.refused)} were refused and {len(handed.lost)} lost after they were accepted"
    return Measurement(
        Interval(len(missing), len(missing)),
        _files(target.parameters),
        detail=f"of {handed.sent} traces {counts}" + (f", first {', '.join(missing[:SHOWN])}" if missing else ""),
        extra=handed.told(),
        fix="more than one collector, each with a preStop pause and time to write what it has",
    )


@statistic(SenderParameters)
def lost_accepted_s(record: CaseRecord, target: Target[SenderParameters]) -> Measurement:
    """Accepted traces that are not in the store, as the seconds in which so many were sent."""
    handed, rate_hz = _handed_in(record, target.parameters), _rate_hz(record, target.parameters)
    lost_s = len(handed.lost) / rate_hz
    return Measurement(
        Interval(lost_s, lost_s),
        _files(target.parameters),
        detail=f"{len(handed.lost)} of {handed.accepted} accepted traces are lost, at {rate_hz:g} a second",
        extra=handed.told(),
        fix="write sooner: a shorter ES_BULK_FLUSH_INTERVAL of the collectors",
    )


@statistic(HeldParameters)
def forgotten_traces(record: CaseRecord, target: Target[HeldParameters]) -> Measurement:
    """Number of traces that the store had before every pod was replaced, and does not have whole afterwards."""
    window = fault_windows(record)[0]
    if missed := sorted(set(target.parameters.workloads) - set(window.target.get("workloads") or ())):
        raise Inconclusive(f"no pod of {', '.join(missed)} was replaced", "name them in the document's replace_pods")
    before, after = (_held(record, when, window) for when in ("before", "after"))
    if len(before) < target.parameters.traces_min:
        raise Inconclusive(
            f"only {len(before)} traces were there before, {target.parameters.traces_min} are needed", "a longer load"
        )
    forgotten = [trace for trace, spans in before.items() if after.get(trace, 0) < spans]
    return Measurement(
        Interval(len(forgotten), len(forgotten)),
        ("events.ndjson",),
        detail=f"of {len(before)} traces that were there before" + "".join(f", {each}" for each in forgotten[:SHOWN]),
        extra={"before": len(before), "after": len(after), "forgotten": forgotten},
        fix="a persistent volume for the store",
    )


def _handed_in(record: CaseRecord, parameters: SenderParameters) -> HandedIn:
    """Compares what was sent with what the store holds.

    Raises:
        Inconclusive: the store was not wholly read, too little was sent, or nothing during the fault.
    """
    stored = {
        mark
        for trace in traces_of(record)
        for mark in marks_of([span for span in trace.spans if span.service == parameters.service])
    }
    window = fault_windows(record)[0]
    senders = [caller for caller in record.callers if caller.name in parameters.callers]
    if not all(window.samples(caller) for caller in senders):
        raise Inconclusive(f"no trace was sent while {window.fault}", "a longer load")
    marked = [(f"{caller.name}-{sample.i}", sample) for caller in senders for sample in caller.samples]
    if len(marked) < parameters.samples_min:
        raise Inconclusive(f"only {len(marked)} traces were sent, {parameters.samples_min} are needed", "a longer load")
    missing = [(mark, sample) for mark, sample in marked if mark not in stored]
    return HandedIn(
        sent=len(marked),
        accepted=sum(_accepted(sample) for _, sample in marked),
        refused=tuple(mark for mark, sample in missing if not _accepted(sample)),
        lost=tuple(mark for mark, sample in missing if _accepted(sample)),
    )


def _accepted(sample: Sample) -> bool:
    return 200 <= sample.status < 300


def _rate_hz(record: CaseRecord, parameters: SenderParameters) -> float:
    heads = [caller.head for caller in record.callers if caller.name in parameters.callers]
    rate_hz = sum(head.rate_hz for head in heads if head)
    if rate_hz <= 0:
        raise Inconclusive("the samples do not say at which rate traces were sent", "see the sample file's first line")
    return rate_hz


def _held(record: CaseRecord, when: str, window: FaultWindow) -> dict[str, int]:
    """The traces that the store had, with their numbers of spans, in a reading on the right side of the fault."""
    found = [event for event in record.of(TracesHeld) if event.when == when]
    if not found:
        raise Inconclusive(f"nobody read the store {when} the pods were replaced", "see chaos.log of the case")
    held = found[-1]
    if not held.complete:
        raise Inconclusive(f"perhaps not every trace was found {when}: {held.why}", "give the reading longer")
    if held.t > window.started.lo if when == "before" else held.t < window.ended.lo:
        raise Inconclusive(f"the reading {when} the pods were replaced was made at another time", "run it again")
    return held.traces


def _files(parameters: SenderParameters) -> tuple[str, ...]:
    return ("events.ndjson", *(f"samples-{name}.ndjson" for name in parameters.callers))
