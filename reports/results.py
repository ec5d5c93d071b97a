"""results.json: what a whole run says. The table, JUnit, HTML and summary are views of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from reports.events import Note
from reports.judge import judge_case
from reports.judge.faults import fault_windows
from reports.judge.registry import Inconclusive
from reports.model import Outcome, Parameters, Target, Verdict, compose
from reports.problem import ReportProblem
from reports.record import CaseRecord, case_of_name, is_case, read_case

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reports.targets import Targets

SCHEMA = Path(__file__).resolve().parent / "schema" / "results.schema.json"
EXIT_CODES = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.INCONCLUSIVE: 2, Outcome.ERROR: 2}


class Control(StrEnum):
    """What became of a negative control: killed is good, the check noticed that the protection was gone."""

    KILLED = "killed"
    SURVIVED = "survived"
    INCONCLUSIVE = "inconclusive"


_KILLED_BY = {Outcome.FAILED: Control.KILLED, Outcome.PASSED: Control.SURVIVED}
_WORTH = {
    Control.KILLED: Outcome.PASSED,
    Control.SURVIVED: Outcome.FAILED,
    Control.INCONCLUSIVE: Outcome.INCONCLUSIVE,
}


@dataclass(frozen=True, slots=True)
class ControlResult:
    """One negative control of one target, with the verdict it rests on."""

    target: str
    control: str
    case: str
    result: Control
    reason: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class CaseFigures:
    """Where a case's time went; overhead is what was not the fault itself.

    Attributes:
        overhead_percent: of the faults' own time; None when the case had no fault to compare with.
    """

    case: str
    experiment: str
    control: str | None
    description: str
    wall_s: float | None
    fault_s: float
    overhead_s: float | None
    overhead_percent: float | None
    defects: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Results:
    """results.json. Pure function of the run's folder and targets.toml: judging twice gives the same bytes."""

    run: str
    outcome: Outcome
    exit_code: int
    conclusion: str
    verdicts: tuple[Verdict, ...]
    controls: tuple[ControlResult, ...]
    cases: tuple[CaseFigures, ...]
    environment: dict[str, Any] = field(default_factory=dict)
    schema_version: int = 1


_ADAPTER = TypeAdapter(Results)


def judge_run(folder: Path, targets: Targets) -> tuple[Results, tuple[CaseRecord, ...]]:
    """Judges every case of a run.

    Cases that environment.json lists under `expected_cases` and that left no folder are inconclusive: a night in which
    an experiment silently did not run is not green.

    Raises:
        ReportProblem: the run has no case at all.
    """
    records = tuple(read_case(path) for path in sorted(folder.iterdir()) if is_case(path))
    environment = _environment(folder / "environment.json")
    if not records:
        raise ReportProblem(
            f"run {folder.name} has no case: nothing was recorded",
            fix="look at the output of the run, then run it again",
        )
    verdicts = [verdict for record in records for verdict in judge_case(record, targets)]
    expected = environment.get("expected_cases")
    verdicts += _never_ran(expected if isinstance(expected, list) else [], records, targets)
    return assemble(folder.name, verdicts, records, targets, environment), records


def assemble(
    run: str,
    verdicts: Sequence[Verdict],
    records: Sequence[CaseRecord],
    targets: Targets,
    environment: dict[str, Any] | None = None,
) -> Results:
    """Sorts verdicts into promises and controls and draws the conclusion."""
    promises = tuple(verdict for verdict in verdicts if verdict.control is None)
    controls = tuple(_controls(verdicts, {target.id: target for target in targets}))
    outcome = compose([*(v.outcome for v in promises), *(_WORTH[c.result] for c in controls)])
    return Results(
        run=run,
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        conclusion=conclude(promises, controls),
        verdicts=promises,
        controls=controls,
        cases=tuple(case_figures(record) for record in records),
        environment=environment or {},
    )


def conclude(promises: Sequence[Verdict], controls: Sequence[ControlResult]) -> str:
    """The one line a reader takes away."""
    counts = {outcome: sum(v.outcome is outcome for v in promises) for outcome in Outcome}
    parts = [f"{counts[Outcome.PASSED]} of {len(promises)} promises kept"] if promises else ["no promise was judged"]
    parts += [f"{counts[Outcome.FAILED]} broken"] if counts[Outcome.FAILED] else []
    unproven = counts[Outcome.INCONCLUSIVE] + counts[Outcome.ERROR]
    parts += [f"{unproven} could not be proven"] if unproven else []
    if controls:
        killed = sum(control.result is Control.KILLED for control in controls)
        parts.append(f"{killed} of {len(controls)} negative controls noticed")
    return "; ".join(parts) + "."


def case_figures(record: CaseRecord) -> CaseFigures:
    """Wall time against the faults' own time."""
    case = record.case
    try:
        spans = [(window.started.lo, window.ended.hi) for window in fault_windows(record)]
    except Inconclusive:
        spans = []
    fault_s = _union_s(spans)
    wall_s = case.ended.mono - case.started.mono if case.started and case.ended else None
    overhead_s = max(0.0, wall_s - fault_s) if wall_s is not None else None
    return CaseFigures(
        case=case.case,
        experiment=case.experiment,
        control=case.control,
        description=case.description,
        wall_s=_rounded(wall_s),
        fault_s=round(fault_s, 3),
        overhead_s=_rounded(overhead_s),
        overhead_percent=round(overhead_s / fault_s * 100, 1) if overhead_s is not None and fault_s > 0 else None,
        defects=tuple(f"{d.file} is {d.kind}" + (f" ({d.detail})" if d.detail else "") for d in record.defects),
        notes=tuple(note.text for note in record.of(Note)),
    )


def to_json(results: Results) -> str:
    """results.json's text."""
    return _ADAPTER.dump_json(results, indent=2).decode() + "\n"  # an infinity becomes null


def schema_text() -> str:
    """The schema of results.json; a unit test compares it with the file in schema/."""
    schema = _ADAPTER.json_schema(mode="serialization")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Writes a whole file or none: a reader never sees half a report."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _controls(verdicts: Iterable[Verdict], targets: dict[str, Target[Parameters]]) -> Iterator[ControlResult]:
    """A control speaks only about the targets that name it; what it does to others of the case is no evidence."""
    for verdict in verdicts:
        target = targets.get(verdict.target)
        if verdict.control is None or (target is not None and verdict.control not in target.controls):
            continue
        result = _KILLED_BY.get(verdict.outcome, Control.INCONCLUSIVE)
        yield ControlResult(verdict.target, verdict.control, verdict.case, result, verdict.reason, verdict)


def _never_ran(expected: list[Any], records: Sequence[CaseRecord], targets: Targets) -> Iterator[Verdict]:
    there = {record.name for record in records}
    for case in (case_of_name(str(name)) for name in expected if str(name) not in there):
        for target in targets.of_experiment(case.experiment):
            yield Verdict(
                target=target.id,
                case=case.case,
                control=case.control,
                outcome=Outcome.INCONCLUSIVE,
                reason="the experiment never ran",
                promise=target.promise,
                allowed=target.limit,
                relation=target.relation,
                unit=target.unit,
                fix="see why it was skipped in the output of the run",
            )


def _environment(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _union_s(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds covered by at least one span."""
    total, reached = 0.0, float("-inf")
    for lo, hi in sorted(spans):
        total += max(0.0, hi - max(lo, reached))
        reached = max(reached, hi)
    return total


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
