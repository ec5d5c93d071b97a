"""Finds a run's folder by name, by path, or as "latest"."""

from __future__ import annotations

from pathlib import Path

from reports.problem import ReportProblem

RUNS = Path(__file__).resolve().parent / "runs"
_SHOWN_MAX = 10


def find_run(name: str, runs: Path = RUNS) -> Path:
    """The folder of a run.

    Names sort by time, so "latest" is the last of them.

    Raises:
        ReportProblem: there is none of that name; lists those there are.
    """
    there = list_runs(runs)
    if name == "latest" and there:
        return there[-1]
    for candidate in (runs / name, Path(name)):
        if name and candidate.is_dir() and candidate.resolve() != runs.resolve():
            return candidate.resolve()
    newest = ", ".join(path.name for path in reversed(there[-_SHOWN_MAX:]))
    raise ReportProblem(
        f"there is no run {name!r}",
        fix=f"name one of: {newest}" if there else "run an experiment first: make experiment E=mesh/ejection",
    )


def list_runs(runs: Path = RUNS) -> list[Path]:
    """Folders of runs, oldest first; links such as `latest` are left out."""
    if not runs.is_dir():
        return []
    return sorted(p for p in runs.iterdir() if p.is_dir() and not p.is_symlink() and not p.name.startswith("."))
