"""Earlier runs: which of them can be compared with a run, and how each target's figure moved over them."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from reports.baseline import Calm
from reports.drift import Trend, point, trend
from reports.model import Outcome, Verdict
from reports.problem import ReportProblem
from reports.results import Results, read_results
from reports.runs import list_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

LAST = 100
_BARS = "▁▂▃▄▅▆▇█"
# What a figure depends on besides what is tested.
_MACHINE = ("processors", "memory_gib", "kernel")


def earlier(folder: Path, last: int = LAST) -> list[Results]:
    """The runs before a run that stand beside it and were judged, oldest first, the last so many."""
    before = [path for path in list_runs(folder.parent) if path.name < folder.name]
    return list(_read(before[-last:]))


def trends(now: Results, before: Sequence[Results]) -> tuple[Trend, ...]:
    """Every promise of a run beside its earlier figures on the same machine."""
    here = machine(now.environment)
    alike = [run for run in before if here is not None and machine(run.environment) == here]
    return tuple(_trend(verdict, [*alike, now]) for verdict in now.verdicts)


def machine(environment: dict[str, Any]) -> tuple[str, ...] | None:
    """What must be equal for figures to be comparable: machine and profile; None where it was not recorded."""
    host = environment.get("host")
    if not isinstance(host, dict) or not all(key in host for key in _MACHINE):
        return None
    return (*(str(host[key]) for key in _MACHINE), str(environment.get("profile", "")))


def print_history(runs: Path, last: int, console: Console) -> None:
    """Each target over the last runs, its newest figure compared with those before it.

    Raises:
        ReportProblem: no run was judged.
    """
    judged = list(_read(list_runs(runs)[-last:]))
    newest: dict[tuple[str, str], tuple[Results, Verdict]] = {}
    for run in judged:
        newest |= {(verdict.target, verdict.case): (run, verdict) for verdict in run.verdicts}
    if not judged:
        raise ReportProblem(f"no run in {runs} was judged", fix="make report RUN=latest")
    table = Table(title=f"{len(judged)} runs, the last {judged[-1].run}", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("target", "figures", "newest", "moved"):
        table.add_column(heading, overflow="fold")
    for run, verdict in sorted(newest.values(), key=lambda pair: pair[1].target):
        (shown,) = (
            each
            for each in trends(run, judged[: judged.index(run)])
            if (each.target, each.case) == (verdict.target, verdict.case)
        )
        table.add_row(
            shown.target,
            bars(shown),
            f"{shown.now.value:g} {shown.unit}" if shown.now else verdict.outcome.value,
            Text(f"{'drift: ' if shown.drifted else ''}{shown.note}", style="yellow" if shown.drifted else ""),
        )
    console.print(table)
    for run in judged:
        for each in run.baselines:
            console.print(f"{run.run} {each.case}: {each.reason}", highlight=False)


def bars(shown: Trend) -> str:
    """The figures as a row of blocks, the newest last, from the smallest to the largest of them."""
    values = [each.value for each in (*shown.earlier, *([shown.now] if shown.now else []))]
    if not values:
        return ""
    lowest, span = min(values), max(values) - min(values)
    return "".join(_BARS[round((value - lowest) / span * (len(_BARS) - 1)) if span else 0] for value in values)


def _trend(verdict: Verdict, runs: Sequence[Results]) -> Trend:
    """The last of the runs is the one that is compared; only figures that kept the promise say what is usual."""
    points = [
        point(run.run, each)
        for run in runs[:-1]
        for each in run.verdicts
        if (each.target, each.case, each.unit) == (verdict.target, verdict.case, verdict.unit)
        and each.outcome is Outcome.PASSED
    ]
    now = point(runs[-1].run, verdict) if verdict.outcome is Outcome.PASSED else None
    return trend(verdict, [each for each in points if each is not None], now, _idle_noise(runs, verdict.unit))


def _idle_noise(runs: Sequence[Results], unit: str) -> float:
    """The usual noise of quiet idle runs in a unit, 0 where there were none."""
    quiet = [each.noise.of(unit) for run in runs for each in run.baselines if each.calm is Calm.QUIET and each.noise]
    return median(quiet) if quiet else 0.0


def _read(folders: Iterable[Path]) -> Iterator[Results]:
    """What was judged; a run without results, or with those of a version that cannot be read, is left out."""
    for folder in folders:
        results = read_results(folder / "results.json")
        if results is not None:
            yield results
