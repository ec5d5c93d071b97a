"""How a verdict's figures are read: the same in the terminal, on the page, in JUnit and in the summary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.model import Outcome
from reports.results import Control, ControlResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reports.model import Verdict
    from reports.results import Results


def allowed_text(verdict: Verdict) -> str:
    """The limit as it is read: "< 60 s"."""
    return "-" if verdict.allowed is None else f"{verdict.relation} {verdict.allowed:g} {verdict.unit}".rstrip()


def margin_text(verdict: Verdict) -> str:
    """Distance to the limit with its sign: "+18.8 s"."""
    if verdict.margin is None:
        return "-"
    shown = f"{verdict.margin:+.1f}" if verdict.unit in {"s", "%", "ms"} else f"{verdict.margin:+g}"
    return f"{'0' if verdict.margin == 0 else shown} {verdict.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong, where it can be seen and what would mend it; none of them is ever empty.

    Attributes:
        kind: an outcome, or "survived" for a negative control that was not noticed.
        evidence: files, relative to the run's folder.
    """

    subject: str
    kind: str
    reason: str
    evidence: tuple[str, ...]
    fix: str


def complaints(results: Results) -> Iterator[Complaint]:
    """Everything that is not as it should be: promises first, then negative controls."""
    for verdict in results.verdicts:
        if verdict.outcome is not Outcome.PASSED:
            yield verdict_complaint(verdict)
    for control in results.controls:
        if control.result is not Control.KILLED:
            yield control_complaint(control)


def control_complaint(control: ControlResult) -> Complaint:
    """Why a negative control that was not noticed takes the worth from a pass."""
    name, verdict = f"{control.target} without {control.control}", control.verdict
    if control.result is Control.SURVIVED:
        reason = f"the check passed without the protection: {control.reason}"
        return _of(verdict, name, control.result.value, reason, "mend the check: as it is, it cannot fail")
    return _of(verdict, name, control.result.value, control.reason, verdict.fix)


def verdict_complaint(verdict: Verdict) -> Complaint:
    """Why a promise is not green."""
    return _of(verdict, verdict.target, verdict.outcome.value, verdict.reason, verdict.fix)


def _of(verdict: Verdict, subject: str, kind: str, reason: str, fix: str | None) -> Complaint:
    unknown = f"none is known: read chaos.log and events.ndjson of {verdict.case}, then run it again"
    return Complaint(subject, kind, reason, verdict.evidence or (f"{verdict.case}/",), fix or unknown)
