"""results.json: what a whole run says. The table, JUnit, HTML and summary are views of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from reports.baseline import WORTH, Baseline, Calm, baseline, is_baseline
from reports.drift import Trend
from reports.figures import CaseFigures, case_figures
from reports.judge import judge_case
from reports.model import STARVED, Outcome, Parameters, Target, Verdict, compose
from reports.problem import ReportProblem
from reports.reader import case_of_name, is_case, read_case
from reports.record import CaseRecord

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
class Results:
    """results.json. All but `history` is a pure function of the run's folder and targets.toml.

    Attributes:
        verdicts: on promises, those of negative controls are in `controls`.
        baselines: what the A/A cases say; they have no verdict.
        history: every promise beside its figures of earlier runs; decides nothing.
        starved: cases that may be proven if they are recorded once more, with why.
    """

    run: str
    outcome: Outcome
    exit_code: int
    conclusion: str
    verdicts: tuple[Verdict, ...]
    controls: tuple[ControlResult, ...]
    cases: tuple[CaseFigures, ...]
    baselines: tuple[Baseline, ...] = ()
    history: tuple[Trend, ...] = ()
    starved: dict[str, str] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    schema_version: int = 2

    @property
    def drifted(self) -> tuple[Trend, ...]:
        """Promises that are kept and whose figure moved beyond its noise."""
        return tuple(trend for trend in self.history if trend.drifted)


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
    baselines = tuple(baseline(record) for record in records if is_baseline(record))
    outcomes = [*(v.outcome for v in promises), *(_WORTH[c.result] for c in controls)]
    outcome = compose([*outcomes, *(WORTH[each.calm] for each in baselines)])
    return Results(
        run=run,
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        conclusion=conclude(promises, controls, baselines),
        verdicts=promises,
        controls=controls,
        cases=tuple(case_figures(record) for record in records),
        baselines=baselines,
        starved=starved([*promises, *(control.verdict for control in controls)]),
        environment=environment or {},
    )


def starved(verdicts: Iterable[Verdict]) -> dict[str, str]:
    """Cases that nothing but a starved machine kept from proving something, each with the reason.

    A case that shows anything broken, or is not proven for any other reason as well, is none of them: it would be asked
    again until it says what one wants to hear.
    """
    found: dict[str, str] = {}
    settled: set[str] = set()
    for verdict in verdicts:
        if verdict.extra.get(STARVED):
            found.setdefault(verdict.case, verdict.reason)
        elif verdict.outcome is not Outcome.PASSED:
            settled.add(verdict.case)
    return {case: reason for case, reason in found.items() if case not in settled}


def conclude(promises: Sequence[Verdict], controls: Sequence[ControlResult], baselines: Sequence[Baseline] = ()) -> str:
    """The one line a reader takes away."""
    counts = {outcome: sum(v.outcome is outcome for v in promises) for outcome in Outcome}
    parts = [f"{counts[Outcome.PASSED]} of {len(promises)} promises kept"] if promises else ["no promise was judged"]
    parts += [f"{counts[Outcome.FAILED]} broken"] if counts[Outcome.FAILED] else []
    unproven = counts[Outcome.INCONCLUSIVE] + counts[Outcome.ERROR]
    parts += [f"{unproven} could not be proven"] if unproven else []
    if controls:
        killed = sum(control.result is Control.KILLED for control in controls)
        parts.append(f"{killed} of {len(controls)} negative controls noticed")
    if baselines:
        calm = {each.calm for each in baselines}
        word = "not quiet" if Calm.NOT_QUIET in calm else "quiet" if calm == {Calm.QUIET} else "not shown to be quiet"
        parts.append(f"{word} when nothing was broken")
    return "; ".join(parts) + "."


def to_json(results: Results) -> str:
    """results.json's text."""
    return _ADAPTER.dump_json(results, indent=2).decode() + "\n"  # an infinity becomes null


def read_results(path: Path) -> Results | None:
    """results.json as it was written; None where it is missing or was written by a version that said less."""
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None


def schema_text() -> str:
    """The schema of results.json; a unit test compares it with the file in schema/."""
    schema = _ADAPTER.json_schema(mode="serialization")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Writes a whole file or none: a reader never sees half a report."""
    part = path.with_name(f".{path.name}.part")
    part.touch(mode=0o600)  # as private as the record that it tells of
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
