"""An A/A case: nothing is broken, so nothing may fire, and what moves all the same is noise.

The experiments of the area `baseline` are such. They have no target and get no verdict: a case is quiet, or it is not,
or nobody can say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reports.events import Alert, Clients, Ejection, FaultStarted, Ready
from reports.figures import Calls, calls
from reports.heard import heard
from reports.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reports.record import CaseRecord

AREA = "baseline/"


class Calm(StrEnum):
    """Whether nothing fired while nothing was broken."""

    QUIET = "quiet"
    NOT_QUIET = "not quiet"
    UNKNOWN = "unknown"


# A suite that fires when nothing is broken cannot be believed when something is: its run is not proven, never failed.
WORTH = {Calm.QUIET: Outcome.PASSED, Calm.NOT_QUIET: Outcome.INCONCLUSIVE, Calm.UNKNOWN: Outcome.INCONCLUSIVE}


@dataclass(frozen=True, slots=True)
class Noise:
    """What moves by itself: the least that a figure in each unit can be trusted to.

    Attributes:
        s: longest time between two successes of any caller.
        ms: largest distance between median and 99th percentile of any caller's latency.
        percent: largest share of failed requests of any caller.
    """

    s: float
    ms: float
    percent: float

    def of(self, unit: str) -> float:
        """The noise of a figure in a unit; counts have none."""
        return {"s": self.s, "ms": self.ms, "%": self.percent}.get(unit, 0.0)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What an A/A case says.

    Attributes:
        reason: one sentence with the counts, or why they cannot be had.
        noise: None when nobody called.
    """

    case: str
    calm: Calm
    reason: str
    noise: Noise | None


def is_baseline(record: CaseRecord) -> bool:
    """Whether a case is there to measure noise."""
    return record.case.experiment.startswith(AREA)


def baseline(record: CaseRecord) -> Baseline:
    """What fired from when it was watched, as far as it was: silence of a watcher that was not there is not quiet."""
    since = max((event.t for event in record.of(Clients)), default=0.0)
    called = {}
    for caller in record.callers:
        every = heard(caller)
        called[caller.name] = calls(every.only(every.sent >= since))
    answered = [each for each in called.values() if each.requests]
    noise = _noise(answered)
    if blind := list(_blind(record)) + ([] if answered else ["nobody called"]):
        return Baseline(record.case.case, Calm.UNKNOWN, f"not measured: {'; '.join(blind)}", noise)
    ejections = len(record.of(Ejection))
    fired = sorted({event.name for event in record.of(Alert) if event.state == "firing"})
    counts = (
        _count(ejections, "ejection"),
        _count(len(fired), "alert") + (f" ({', '.join(fired)})" if fired else ""),
        _count(sum(event.t >= since for event in record.of(Ready)), "change") + " of ready pods",
        f"{sum(each.failed for each in answered)} of {sum(each.requests for each in answered)} requests failed",
    )
    calm = Calm.NOT_QUIET if ejections or fired else Calm.QUIET
    return Baseline(record.case.case, calm, f"{calm}: {', '.join(counts)}", noise)


def _blind(record: CaseRecord) -> Iterator[str]:
    """Why the record cannot say that nothing fired."""
    yield from (f"{defect.file} is {defect.kind}" for defect in record.defects if defect.kind != "torn")
    journal = record.journal
    if journal is not None:
        before = journal.steady_states.before
        if before is None or before.steady_state_met is not True or not journal.run:
            missed = (
                [f"{probe.name} gave {probe.output}" for probe in before.probes if not probe.tolerance_met]
                if before
                else []
            )
            yield f"the steady state did not hold{': ' if missed else ''}{', '.join(missed)}"
        yield from (f"{activity.name} did not succeed" for activity in journal.run if activity.status != "succeeded")
    if record.of(FaultStarted):
        yield "a fault was injected"
    if not any(event.expected for event in record.of(Clients)):
        yield "nobody watched for ejections"
    if not any(event.by == "prometheus" for event in record.of(Alert)):
        yield "nobody watched alerts"


def _noise(answered: Sequence[Calls]) -> Noise | None:
    if not answered:
        return None
    spreads = [(each.p99_ms or 0.0) - (each.p50_ms or 0.0) for each in answered]
    failed = [100 * each.failed / each.requests for each in answered]
    return Noise(max(each.longest_gap_s for each in answered), round(max(spreads), 3), round(max(failed), 3))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
