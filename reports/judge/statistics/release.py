"""Whether a release can be switched while callers go on: which version answered when, and whether anybody was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from reports.judge.answers import caller_named, files_of
from reports.judge.faults import FaultWindow, fault_windows
from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.model import Interval, SampledParameters, Target

if TYPE_CHECKING:
    from reports.record import Caller, CaseRecord, Sample

SHOWN = 5
PHASES = ("before the switch", "after the switch", "after the roll back")


class SwitchParameters(SampledParameters):
    """Of switch_violations.

    Attributes:
        before: the version that answers before the switch and after the roll back.
        after: the version that answers in between.
        settle_s: seconds after each of the two in which either may answer.
    """

    before: str = Field(min_length=1)
    after: str = Field(min_length=1)
    settle_s: float = Field(ge=0)


@statistic(SwitchParameters)
def switch_violations(record: CaseRecord, target: Target[SwitchParameters]) -> Measurement:
    """Number of requests that failed from the switch on, or that a version answered whose time it was not.

    None is proven only if each caller was answered often enough before the switch, after it and after the roll back.
    """
    parameters, windows = target.parameters, fault_windows(record)
    if len(windows) != 1:
        raise Inconclusive(f"the release was switched {len(windows)} times", "run the experiment alone")
    callers = [caller_named(record, name) for name in parameters.callers]
    wrong = [line for caller in callers for line in _violations(caller, windows[0], parameters)]
    if not wrong:
        _answered_in_each(callers, windows[0], parameters)
    return Measurement(
        Interval(len(wrong), len(wrong)),
        files_of(parameters.callers),
        detail="; ".join(wrong[:SHOWN]) or f"{parameters.before} to {parameters.after} and back without an error",
        extra={"last_of_the_other_s": {caller.name: _last(caller, windows[0], parameters) for caller in callers}},
        fix=f"have {parameters.after} ready before the switch, and both until the connections of the other are drained",
    )


def _phase(sample: Sample, window: FaultWindow, settle_s: float) -> str:
    """Whose time a request was sent and answered in for sure; "" if it may have been either's."""
    if sample.done < window.started.lo:
        return PHASES[0]
    if window.started.hi + settle_s <= sample.sent and sample.done < window.ended.lo:
        return PHASES[1]
    return PHASES[2] if window.ended.hi + settle_s <= sample.sent else ""


def _violations(caller: Caller, window: FaultWindow, parameters: SwitchParameters) -> Iterator[str]:
    for sample in caller.samples:
        if not _ok(sample):
            if sample.done >= window.started.lo:
                yield f"{caller.name}-{sample.i} {_seen(sample)}"
            continue
        phase = _phase(sample, window, parameters.settle_s)
        wanted = parameters.after if phase == PHASES[1] else parameters.before
        if sample.answer not in {parameters.before, parameters.after}:
            raise Inconclusive(f"{caller.name}-{sample.i} was answered by {sample.answer}", "keep the answer's version")
        if phase and sample.answer != wanted:
            yield f"{caller.name}-{sample.i} was answered by {sample.answer} {phase}"


def _answered_in_each(callers: list[Caller], window: FaultWindow, parameters: SwitchParameters) -> None:
    for caller in callers:
        phases = Counter(_phase(sample, window, parameters.settle_s) for sample in caller.samples if _ok(sample))
        for phase in PHASES:
            if phases[phase] < parameters.samples_min:
                raise Inconclusive(
                    f"caller {caller.name} was answered {phases[phase]} times {phase}, "
                    f"{parameters.samples_min} are needed",
                    "hold each version longer",
                )


def _last(caller: Caller, window: FaultWindow, parameters: SwitchParameters) -> dict[str, float]:
    """How long after the switch, and after the roll back, the version whose time it was no more answered last."""
    ok = [sample for sample in caller.samples if _ok(sample)]
    old = [s.done for s in ok if s.answer == parameters.before and s.sent < window.ended.lo]
    new = [s.done for s in ok if s.answer == parameters.after]
    late = (max(old, default=0.0) - window.started.hi, max(new, default=0.0) - window.ended.hi)
    return {phase: round(max(0.0, after_s), 3) for phase, after_s in zip(PHASES[1:], late, strict=True)}


def _ok(sample: Sample) -> bool:
    return 200 <= sample.status < 300


def _seen(sample: Sample) -> str:
    return f"was answered {sample.status}" if sample.status else "was not answered"
