"""What the plan said before the run, and how a verdict stands to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.events import FaultIntent
from reports.model import Interval, Outcome, figure
from reports.surroundings import Attainability

if TYPE_CHECKING:
    from reports.record import CaseRecord


def out_of_reach(record: CaseRecord, target: str) -> Attainability | None:
    """What the plan said of a target, if it said that the settings do not allow it."""
    told = [event for event in record.of(Attainability) if event.target == target and event.attainable is False]
    return told[-1] if told else None


def not_injected(record: CaseRecord) -> bool:
    """Whether the run ended with its plan: every target was out of reach, and nothing was begun.

    With a negative control a run is never ended so; and an experiment that was begun leaves a journal or an intent.
    """
    told = record.of(Attainability)
    begun = record.journal is not None or record.of(FaultIntent)
    return bool(told) and not begun and not record.case.control and all(event.attainable is False for event in told)


def best(told: Attainability) -> str:
    """What the settings allow, as it is read: "the settings allow 345.0 s at best, not < 300 s: <why>"."""
    allowed = f"{told.relation} {told.limit:g} {told.unit}"
    if told.floor is None:
        return f"the settings never allow {allowed}: {told.bound_by}"
    shown = figure(Interval(told.floor, told.floor), told.unit)
    return f"the settings allow {shown} at best, not {allowed}: {told.bound_by}"


def weighed(record: CaseRecord, target: str, outcome: Outcome, reason: str, fix: str) -> tuple[Outcome, str, str]:
    """A measured verdict beside the plan: a failure that was foreseen has the plan's fix, and a pass contradicts it."""
    told = out_of_reach(record, target)
    if told is None or outcome not in {Outcome.FAILED, Outcome.PASSED}:
        return outcome, reason, fix
    if outcome is Outcome.FAILED:
        return outcome, f"{reason}; foreseen: {best(told)}", told.fix or fix
    why = f"one of the two is wrong: {best(told)}; {reason}"
    return Outcome.INCONCLUSIVE, why, "mend the check in experiments/attainability, or what measured"
