"""Whether calls are tried again elsewhere, with growing gaps, and whether each of them ends."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from pydantic import Field

from reports.events import FaultProof
from reports.judge.binomial import share_percent
from reports.judge.faults import FaultWindow, fault_windows, hosts_of
from reports.judge.registry import Broken, Inconclusive, Measurement, statistic
from reports.model import Interval, Parameters, SampledParameters, Target
from reports.proxies import Counts, Tries, TriesRead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.record import Caller, CaseRecord, Sample

ERROR = 500


class BackoffParameters(Parameters):
    """Of growing_gaps_percent.

    Attributes:
        calls_min: calls that the figure must rest on.
        false_alarm: how often gaps that do not grow may pass, twice, by chance alone.
    """

    calls_min: int = Field(default=100, ge=1)
    false_alarm: float = Field(default=0.001, gt=0, lt=0.5)


@statistic(SampledParameters)
def errors_in_spite_of_retries(record: CaseRecord, target: Target[SampledParameters]) -> Measurement:
    """Number of calls that failed while one replica answered 503 and the others were well.

    None is proven only if each caller met the bad replica: its own counter says that it answered, and the proxy of each
    caller that it tried calls again.
    """
    windows = [window for window in fault_windows(record) if window.target.get("status") and len(hosts_of(window)) == 1]
    if not windows:
        raise Inconclusive("no fault made one replica answer errors", "break_replicas with count 1")
    callers = _named(record, target.parameters.callers)
    errors = {
        f"{caller.name} in {window.fault}": len(window.failures(caller)) for window in windows for caller in callers
    }
    again = {caller.name: sum(_risen(record, window, caller.name) for window in windows) for caller in callers}
    if not any(errors.values()):
        for window in windows:
            _answered(record, window)
            _asked(window, callers, target.parameters.samples_min)
        if spared := sorted(name for name, count in again.items() if count == 0):
            raise Inconclusive(
                f"no call of {', '.join(spared)} was tried again: it did not meet the bad replica",
                "hold the fault until every caller has met it",
            )
    total = sum(errors.values())
    return Measurement(
        Interval(total, total),
        ("events.ndjson", *(caller.file for caller in callers)),
        detail=f"{sum(again.values())} calls were tried again",
        extra={"errors": errors, "tried_again": again},
        fix="retries on the route: attempts 2 or more, retryOn with gateway-error",
    )


@statistic(SampledParameters)
def slowest_call_s(record: CaseRecord, target: Target[SampledParameters]) -> Measurement:
    """The longest time that a caller waited for a call whose every upstream hung, from when it was meant to go.

    A call that its caller gave up is "longer than the caller's patience".
    """
    windows = [window for window in fault_windows(record) if window.target.get("hangs")]
    if not windows:
        raise Inconclusive("no fault made replicas hang", "hang_replicas")
    callers = _named(record, target.parameters.callers)
    figures = {
        f"caller {caller.name} in {window.fault}": _slowest(caller, window, target.parameters.samples_min)
        for window in windows
        for caller in callers
    }
    slowest = max(figures, key=lambda name: (figures[name].hi, figures[name].lo))
    return Measurement(
        Interval.worst(figures.values()),
        ("events.ndjson", *(caller.file for caller in callers)),
        detail=slowest,
        extra={"slowest_s": {name: round(each.lo, 3) for name, each in figures.items()}},
        fix="a timeout on the route that allows for its tries, at every hop",
    )


@statistic(BackoffParameters)
def growing_gaps_percent(record: CaseRecord, target: Target[BackoffParameters]) -> Measurement:
    """Share of calls whose last gap between tries was longer than their first, with its exact confidence interval.

    Gaps that do not grow give half of the calls; gaps drawn from up to twice as much each time 75 % (two gaps) or
    87.5 % (three). What a busy machine adds is added to each gap alike, so it hardly moves the share. A call counts if
    its tries lie within one fault and were all answered with an error.
    """
    windows = [window for window in fault_windows(record) if window.target.get("status")]
    given_up = [tries for tries in _every(record) if _within(tries, windows)]
    gaps = [tries.gaps_s for tries in given_up if len(tries.gaps_s) > 1]
    single = sum(len(tries.tries) == 1 for tries in given_up)
    if not gaps and single >= target.parameters.calls_min:
        fix = "retries on the route: attempts 2 or more, retryOn with gateway-error"
        broken = Broken(f"none of {single} calls that were answered 503 was tried again", fix)
        return Measurement(Interval(0, 0), ("events.ndjson",), broken=(broken,))
    if len(gaps) < target.parameters.calls_min:
        raise Inconclusive(
            f"{len(gaps)} calls were tried again twice or oftener, {target.parameters.calls_min} are needed",
            "hold the fault for longer",
        )
    longer = sum(each[-1] > each[0] for each in gaps)
    means = {
        f"gap {k + 1}": round(fmean(each[k] for each in gaps if len(each) > k), 3) for k in range(max(map(len, gaps)))
    }
    return Measurement(
        share_percent(longer, len(gaps), target.parameters.false_alarm),
        ("events.ndjson",),
        detail=f"{longer} of {len(gaps)} calls; "
        f"exact {100 * (1 - target.parameters.false_alarm):g} % confidence interval",
        extra={"mean_s": means},
        fix="a backoff that doubles from try to try",
    )


def _named(record: CaseRecord, names: Sequence[str]) -> list[Caller]:
    return [caller for caller in record.callers if caller.name in names]


def _risen(record: CaseRecord, window: FaultWindow, caller: str) -> int:
    """How many calls a caller's proxies tried again during a fault.

    Raises:
        Inconclusive: they were not asked before and during it.
    """
    asked = [event for event in record.of(Counts) if event.caller == caller]
    risen = 0
    for proxy in {event.proxy for event in asked}:
        own = [event for event in asked if event.proxy == proxy]
        before = [event for event in own if event.hi <= window.started.lo]
        during = [event for event in own if window.started.lo < event.hi <= window.ended.hi]
        if not before or not during:
            raise Inconclusive(f"{proxy} was not asked before and during {window.fault}", "watch_counters comes first")
        risen += during[-1].counts.get("upstream_rq_retry", 0) - before[-1].counts.get("upstream_rq_retry", 0)
    if not asked:
        raise Inconclusive(f"no proxy of caller {caller} was asked what it counts", "watch_counters comes first")
    return risen


def _answered(record: CaseRecord, window: FaultWindow) -> None:
    """The bad replica's own word, said while the fault lasted, that it answered requests."""
    told = (p for p in record.of(FaultProof) if p.fault == window.fault and window.started.lo <= p.t <= window.ended.hi)
    if not any(proof.observed.get("faulted_total", 0) > 0 for proof in told):
        raise Inconclusive(
            f"no server counter says that {window.fault} answered any request",
            "record fault.proof with observed.faulted_total from the bad replica itself",
        )


def _asked(window: FaultWindow, callers: Sequence[Caller], samples_min: int) -> None:
    for caller in callers:
        if (count := len(window.samples(caller))) < samples_min:
            raise Inconclusive(
                f"caller {caller.name} made {count} requests during {window.fault}, {samples_min} are needed",
                "hold the fault for longer",
            )


def _slowest(caller: Caller, window: FaultWindow, samples_min: int) -> Interval:
    sent = [s for s in caller.samples if window.started.hi <= s.sent < window.ended.lo]
    ended = [sample for sample in sent if sample.failed and sample.done <= window.ended.lo]
    if len(ended) < samples_min:
        raise Inconclusive(
            f"{len(ended)} calls of caller {caller.name} came to their end during {window.fault}, "
            f"{samples_min} are needed",
            "hold the fault for longer",
        )
    return max((_took(caller, sample) for sample in sent), key=lambda took: (took.hi, took.lo))


def _took(caller: Caller, sample: Sample) -> Interval:
    waited_s = sample.done - sample.sent
    patience_s = caller.head.timeout_s if caller.head else 0.0
    if sample.status == 0 and waited_s >= patience_s:
        return Interval(waited_s, float("inf"))
    return Interval(waited_s, sample.done - sample.due)


def _every(record: CaseRecord) -> tuple[Tries, ...]:
    """The tries of every call that met an error.

    Raises:
        Inconclusive: the logs were not read, or not all of them for sure.
    """
    read = record.of(TriesRead)
    if not read:
        raise Inconclusive("the replicas' access logs were not read", "see chaos.log of the case")
    if not read[-1].complete:
        raise Inconclusive(f"perhaps not every try was read: {read[-1].why}", "give the reading longer")
    tries = {event.call: event for event in record.of(Tries)}
    if len(tries) != read[-1].calls:
        raise Inconclusive(f"the record holds {len(tries)} of {read[-1].calls} calls that were read", "run it again")
    return tuple(tries.values())


def _within(call: Tries, windows: Sequence[FaultWindow]) -> bool:
    if not call.tries or any(each.status < ERROR for each in call.tries):
        return False
    begin, end = call.tries[0].begin, call.tries[-1].end
    return any(window.started.hi <= begin and end <= window.ended.lo for window in windows)
