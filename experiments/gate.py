"""The gate: every experiment and every negative control, judged, with one exit code.

Cases are recorded first, each by a process of its own and side by side where their blast radius allows; the live tests
that run no experiment are done meanwhile. What a starved machine alone kept from being proven is recorded once more,
alone; both records stay. Then pytest asks the record, and so does the judge, whose exit code it is:
what pytest thinks only matters where the record would be silent.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.paths import ROOT
from experiments import baseline, cases, dispatch, environment, running, schedule, undo
from experiments.cases import Case
from experiments.dispatch import Job
from experiments.radius import Radius, Thing
from experiments.record import Recorder
from experiments.schedule import Task

SELECTION = "(nightly or control)"
NOT_PROVEN, MISSING = 2, 69
RESULTS = "results.json"


def _needs(things: Iterable[Thing]) -> Radius:
    return Radius(disturbs=frozenset(), needs=frozenset(things))


# Live tests that run no experiment, by their mark, with about what they take. They disturb nothing but what they made.
# Those of metrics and dashboards look at all that stands, the others (backups, passwords, network) not at the shop.
TESTS = {
    "alerts": Task("tests-alerts", _needs(set(Thing) - {Thing.EVERYTHING}), 90),
    "not alerts and not last": Task(
        "tests-others", _needs({Thing.POSTGRES, Thing.REDIS, Thing.TRACING, Thing.BACKUPS}), 700
    ),
}


def run(folder: Path, image_source: str, at_once: int) -> int:
    """Runs everything into a folder; returns 0 all passed, 1 something failed, 2 not proven, 69 nothing could run."""
    from deploy import stack
    from deploy.progress import shown

    found, begin = cases.everything(), time.monotonic()
    environment.expect(folder, (case.name for case in found))
    cluster = stack.up(source=image_source)
    undo.heal(cluster.name, abandoned=True)
    environment.write(folder, cluster)
    jobs = [
        Job(task, _pytest(f"not judged and {which}", "-q"), folder / task.name, counted_on=cluster.name)
        for which, task in TESTS.items()
    ]
    by_name = {case.name: case for case in found}
    jobs += [_job(case, folder) for case in found]
    codes: dict[str, int] = {}
    as_before = True

    def lives(name: str) -> bool:
        return any(case.name == name for case in running.cases(cluster.name))

    try:
        with shown() as progress, baseline.kept(cluster, Recorder(folder, cluster.name)):
            codes = dispatch.run(jobs, at_once, progress, lives)
            again = [_job(by_name[name], folder, why) for name, why in _starved(folder).items()]
            codes |= dispatch.run(again, 1, progress, lives)
    except KeyboardInterrupt:
        undo.heal(cluster.name, abandoned=True)
        raise
    except baseline.NotAsBefore as difference:
        as_before = False
        print(difference)
    if not any(folder.glob("*/case.json")):
        return MISSING
    judged = subprocess.run(
        [sys.executable, *_pytest("(judged or last)", "--recorded", "--run-dir", folder)], cwd=ROOT, check=False
    )
    told = folder / RESULTS  # pytest's summary judged and printed already, unless it was cut off
    verdict = None if told.exists() else judge(folder)
    results = json.loads(told.read_text())
    _show_times(results["cases"], time.monotonic() - begin)
    proven = as_before and not judged.returncode and not any(codes.values())
    return verdict or int(results["exit_code"]) or (0 if proven else NOT_PROVEN)


def _job(case: Case, folder: Path, again: str = "") -> Job:
    arguments = ["-m", "experiments", "run", case.experiment.name, "--run-dir", str(folder), "--no-judge"]
    arguments += ["--control", case.control] if case.control else []
    arguments += ["--again", again] if again else []
    return Job(case.task(), arguments, folder / case.name)


def _starved(folder: Path) -> dict[str, str]:
    """Returns the cases that nothing but a starved machine kept from proving something, with why: alone they may."""
    if not any(folder.glob("*/case.json")):
        return {}
    judge(folder, to=subprocess.DEVNULL)
    told = json.loads((folder / RESULTS).read_text())
    (folder / RESULTS).unlink()  # the whole run is yet to be judged
    return dict(told["starved"])


def judge(folder: Path, to: int | None = None) -> int:
    """Judges a recorded run, prints its table (`to`: subprocess.DEVNULL) and returns the judge's exit code."""
    return subprocess.run([sys.executable, "-m", "reports", str(folder)], cwd=ROOT, check=False, stdout=to).returncode


def show_plan(at_once: int) -> int:
    """Prints when each case would run if each took as long as is expected."""
    tasks = [*TESTS.values(), *(case.task() for case in cases.everything())]
    slots = schedule.plan(schedule.order(tasks, at_once), at_once)
    table = Table("from", "until", "case", "disturbs")
    for slot in slots:
        disturbs = ", ".join(sorted(slot.task.radius.disturbs)) or "nothing"
        table.add_row(_clock(slot.begin_s), _clock(slot.end_s), slot.task.name, disturbs)
    Console().print(table)
    serial_s = sum(slot.task.expected_s for slot in slots)
    print(f"{_clock(schedule.makespan_s(slots))} at {at_once} at once, {_clock(serial_s)} one after the other")
    return 0


def _pytest(marked: str, *more: str | Path) -> list[str]:
    options = ["--no-deploy", "--keep-cluster", *map(str, more)]
    return ["-m", "pytest", "tests", "-m", f"{SELECTION} and {marked}", *options]


def _show_times(figures: Iterable[dict[str, Any]], elapsed_s: float) -> None:
    """Prints where the time went: a case's own fault, and what was around it."""
    table = Table("case", title="Where the time went", title_justify="left")
    for heading in ("fault s", "wall s", "overhead s", "overhead %"):
        table.add_column(heading, justify="right")
    rows = sorted(figures, key=lambda each: -(each["wall_s"] or 0))
    for each in rows:
        known = [each[key] for key in ("fault_s", "wall_s", "overhead_s", "overhead_percent")]
        table.add_row(each["case"], *("-" if value is None else f"{value:.0f}" for value in known))
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    fault_s, wall_s = (sum(each[key] or 0 for each in rows) for key in ("fault_s", "wall_s"))
    print(f"all: {elapsed_s:.0f} s; the cases one after the other {wall_s:.0f} s, their faults alone {fault_s:.0f} s")


def _clock(seconds: float) -> str:
    return f"{seconds // 60:3.0f}:{seconds % 60:02.0f}"
