"""When callers stopped seeing errors: shared by every statistic that listens to them."""

from __future__ import annotations

from operator import sub
from typing import TYPE_CHECKING

from pydantic import Field

from reports.judge.registry import Inconclusive
from reports.model import Interval, SampledParameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.judge.faults import FaultWindow
    from reports.record import Caller


class RecoveryParameters(SampledParameters):
    """Of every statistic that asks when callers stopped seeing errors.

    Attributes:
        clean_tail_s: seconds without an error before the fault ended, without which recovery is not believed.
    """

    clean_tail_s: float = Field(default=10.0, gt=0)


def last_error(caller: Caller, window: FaultWindow, parameters: RecoveryParameters) -> Interval:
    """Seconds from the fault to the end of the last request that failed while it lasted; 0 when none did.

    Recovery is believed only when the fault was held for `clean_tail_s` after the last error with requests going on:
    otherwise the upper end is infinite, because the next error may only have come too late to be seen.

    Raises:
        Inconclusive: the caller was not there for the whole fault, or made too few requests.
    """
    samples = window.samples(caller)
    _covers(caller, window)
    if len(samples) < parameters.samples_min:
        raise Inconclusive(
            f"caller {caller.name} made {len(samples)} requests during {window.fault}, "
            f"{parameters.samples_min} are needed"
        )
    if window.held_s < parameters.clean_tail_s:
        raise Inconclusive(
            f"{window.fault} was held for {window.held_s:.1f} s, less than the {parameters.clean_tail_s:g} s "
            "without an error that recovery takes to be believed"
        )
    tail_begin = window.ended.lo - parameters.clean_tail_s
    last = max(window.failures(caller), key=lambda sample: sample.done, default=None)
    if last is not None and last.done > tail_begin:
        return window.unended_since(last.due)
    if not any(sample.due >= tail_begin and sample.done <= window.ended.lo for sample in reversed(samples)):
        raise Inconclusive(
            f"caller {caller.name} finished no request in the last {parameters.clean_tail_s:g} s of {window.fault}"
        )
    if last is None:
        return Interval(0.0, 0.0)
    return window.since(last.due, last.done)


def _covers(caller: Caller, window: FaultWindow) -> None:
    if not caller.samples or caller.samples[0].due > window.started.lo:
        raise Inconclusive(
            f"caller {caller.name} began after {window.fault}: there is no traffic from before to compare"
        )
    if caller.samples[-1].due < window.ended.lo:
        raise Inconclusive(f"caller {caller.name} stopped before {window.fault} ended")


def summary(caller: Caller, window: FaultWindow) -> dict[str, float | int]:
    """Figures of one caller for the report; they decide nothing."""
    samples, failed = window.samples(caller), {sample.i for sample in window.failures(caller)}
    return {
        "requests": len(samples),
        "errors": len(failed),
        "longest_gap_s": round(longest_gap_s([sample.done for sample in samples if sample.i not in failed]), 3),
        "errors_before": sum(sample.done < window.started.lo for sample in caller.failures),
        "errors_after": sum(sample.sent >= window.ended.hi for sample in caller.failures),
    }


def longest_gap_s(successes: Sequence[float]) -> float:
    """Longest time between the ends of two successes one after the other; 0 with fewer than two."""
    ends = sorted(successes)
    return max(map(sub, ends[1:], ends), default=0.0)
