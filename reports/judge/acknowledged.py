"""What the platform had promised to keep when its data was destroyed, and what of it came back.

The ledger stands outside the cluster: callers keep the id of everything they were told is committed. It begins with
the experiment, so the rows that stood in the table before it are part of it too, each with the time it was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from reports.events import RowsRead
from reports.judge.registry import Broken, Inconclusive
from reports.model import SampledParameters

if TYPE_CHECKING:
    from reports.judge.faults import FaultWindow
    from reports.record import CaseRecord

BEFORE, RESTORED = "before", "restored"
# How long a row may be under way from its time stamp (its transaction's start) to its commit: the api gives up earlier.
COMMIT_S = 15.0


class LedgerParameters(SampledParameters):
    """Of every statistic that compares what callers were told with what came back.

    Attributes:
        fresh_s: how long before the destruction the last write may have been acknowledged.
    """

    fresh_s: float = Field(default=2.0, gt=0)


@dataclass(frozen=True, slots=True)
class Write:
    """One row that was acknowledged; committed between lo and hi."""

    id: str
    lo: float
    hi: float


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The ledger, split by the destruction.

    Attributes:
        called: what the callers were told before it; `stood` is what the table had held before they began.
        later: what the callers were told after the recovery, and before the restored rows were read.
        restored: ids of the rows that were read after the recovery.
    """

    called: tuple[Write, ...]
    stood: tuple[Write, ...]
    later: tuple[Write, ...]
    restored: frozenset[str]

    @property
    def lost(self) -> tuple[Write, ...]:
        """What was acknowledged before the destruction and did not come back, oldest first."""
        gone = (write for write in (*self.stood, *self.called) if write.id not in self.restored)
        return tuple(sorted(gone, key=lambda write: write.lo))

    def contradictions(self) -> tuple[Broken, ...]:
        """What no recovery to one moment in time can leave behind."""
        found = []
        every = (*self.stood, *self.called)
        kept = [write for write in every if write.id in self.restored]
        if not kept:
            found.append(
                Broken(
                    f"none of {len(every)} acknowledged rows is in the recovered database: "
                    "its objects came back and its bytes did not",
                    "back the volumes' bytes up and restore them, not only the objects",
                )
            )
        elif self.lost and min(write.hi for write in self.lost) < max(write.lo for write in kept):
            found.append(
                Broken(
                    "an acknowledged row is missing although later ones came back",
                    "restore one consistent backup and replay the whole log after it",
                )
            )
        if missing := [write for write in self.later if write.id not in self.restored]:
            found.append(
                Broken(f"{len(missing)} rows acknowledged after the recovery are missing", "see who is primary now")
            )
        return tuple(found)


def acknowledged(record: CaseRecord, window: FaultWindow, parameters: LedgerParameters) -> Acknowledged:
    """Reads the ledger.

    Raises:
        Inconclusive: the rows were not read, or the callers were told too little to prove anything.
    """
    stood, restored = _rows(record, BEFORE), _rows(record, RESTORED)
    told = [
        (sample, Write(sample.answer, sample.sent, sample.done))
        for caller in record.callers
        for sample in caller.samples
        if sample.answer and not sample.failed
    ]
    called = tuple(write for sample, write in told if sample.sent < window.started.hi)
    if len(called) < parameters.samples_min:
        raise Inconclusive(
            f"{len(called)} writes were acknowledged before the destruction, {parameters.samples_min} are needed",
            "let the callers go on for longer before it",
        )
    quiet_s = window.started.lo - max(write.hi for write in called)
    if quiet_s > parameters.fresh_s:
        raise Inconclusive(f"no write was acknowledged in the last {quiet_s:.1f} s before the destruction")
    read = _read(record, RESTORED)
    if read is None:
        raise Inconclusive("the record does not say when the restored rows were read")
    known = {write.id for write in called}
    return Acknowledged(
        called=called,
        stood=tuple(Write(row, made, made + COMMIT_S) for row, made in stood.items() if row not in known),
        later=tuple(write for sample, write in told if sample.sent >= window.started.hi and write.hi <= read.lo),
        restored=frozenset(restored),
    )


def _rows(record: CaseRecord, name: str) -> dict[str, float]:
    bad = [defect for defect in record.defects if defect.file == f"{name}.rows"]
    if name not in record.rows or bad:
        raise Inconclusive(f"{name}.rows is {bad[0].kind if bad else 'missing'}: the table was not read")
    rows, read = record.rows[name], _read(record, name)
    if read is not None and len(rows) != read.count:
        raise Inconclusive(f"{name}.rows holds {len(rows)} of the {read.count} rows that were read")
    return rows


def _read(record: CaseRecord, name: str) -> RowsRead | None:
    """The last time that a table was read."""
    return next((event for event in reversed(record.of(RowsRead)) if event.rows == name), None)
