"""What callers were answered, as far as it says who answered: each answer's kept field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.judge.registry import Inconclusive

if TYPE_CHECKING:
    from reports.record import Caller, CaseRecord, Sample

ANSWERED_MIN = 0.99


def caller_named(record: CaseRecord, name: str) -> Caller:
    """A caller that left samples.

    Raises:
        Inconclusive: it left none.
    """
    found = next((caller for caller in record.callers if caller.name == name), None)
    if found is None:
        raise Inconclusive(f"caller {name} left no samples", "see its log, and traffic.callers of the document")
    return found


def told(record: CaseRecord, name: str) -> tuple[Sample, ...]:
    """A caller's requests that were answered, each with who answered it, in the order in which they were due.

    Raises:
        Inconclusive: more than a hundredth was not answered (who would have, is not known), or an answer does not say
            who gave it.
    """
    samples = caller_named(record, name).samples
    answered = tuple([sample for sample in samples if 200 <= sample.status < 300])
    if len(answered) < ANSWERED_MIN * len(samples) or not answered:
        missed = len(samples) - len(answered)
        raise Inconclusive(
            f"{missed} of {len(samples)} requests of caller {name} were not answered: by whom, nobody knows",
            "see its samples; the platform may be short of processor time",
        )
    if silent := sum(not sample.answer for sample in answered):
        raise Inconclusive(
            f"{silent} answers to caller {name} do not say who gave them", "keep a field of the answer in the document"
        )
    return answered


def files_of(callers: tuple[str, ...]) -> tuple[str, ...]:
    """The files that a figure from callers' samples rests on."""
    return ("events.ndjson", *(f"samples-{name}.ndjson" for name in callers))
