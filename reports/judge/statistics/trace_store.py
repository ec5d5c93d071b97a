"""What the tracing store keeps of what it had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from reports.judge.faults import FaultWindow, fault_windows
from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.model import Interval, Parameters, Target
from reports.traces import TracesHeld

if TYPE_CHECKING:
    from reports.record import CaseRecord

SHOWN = 5


class HeldParameters(Parameters):
    """Of forgotten_traces.

    Attributes:
        traces_min: traces that must have been found before.
        workloads: of which every pod must have been replaced.
    """

    traces_min: int = Field(default=20, ge=1)
    workloads: tuple[str, ...] = ()


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
