"""Runs tasks as processes, as many side by side as may share time. One that dies leaves the others alone."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.paths import ROOT
from deploy.progress import Progress
from deploy.shell import tail
from deploy.waiting import pause
from experiments import runner, schedule
from experiments.schedule import Task

LOOK_S = 0.5
END_S = 420.0  # rollbacks, and a database that is rebuilt
ACTIVITY = re.compile(r"(?:Action|Probe|Rollback): (\S+)")


@dataclass(frozen=True, slots=True)
class Job:
    """A task and how it is run.

    Attributes:
        arguments: of our Python.
        folder: of the case, whose Chaos Toolkit tells what it is doing; its output goes beside it, to <folder>.log.
    """

    task: Task
    arguments: Sequence[str]
    folder: Path

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def begin(self) -> subprocess.Popen[bytes]:
        """Starts it, in a session of its own: Ctrl-C reaches it once, from us."""
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, *self.arguments],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def doing(self) -> str:
        """Returns what it is at, by its document's own word."""
        log = self.folder / "chaos.log"
        if not log.exists():
            return "prepares"
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 20000))
            found = ACTIVITY.findall(file.read().decode(errors="replace"))
        return found[-1] if found else "begins"


def run(jobs: Sequence[Job], at_once: int, progress: Progress, lives: Callable[[str], bool]) -> dict[str, int]:
    """Runs every job to its end; returns their exit codes by the task's name.

    Args:
        jobs: what to run; the order is computed.
        at_once: how many may run at the same time.
        progress: is told of each.
        lives: says whether a task, by its name, still runs although its process is gone (a half of it outlived it).

    Raises:
        KeyboardInterrupt: the user stopped it; every job was asked to end and has ended.
    """
    by_name = {job.task.name: job for job in jobs}
    waiting = schedule.order((job.task for job in jobs), at_once)
    running: dict[Task, subprocess.Popen[bytes]] = {}
    ended: list[schedule.Ended] = []
    codes: dict[str, int] = {}
    try:
        while waiting or running:
            while task := schedule.startable(waiting, list(running), ended, time.monotonic(), at_once):
                waiting.remove(task)
                running[task] = by_name[task.name].begin()
            for task, process in list(running.items()):
                job, code = by_name[task.name], process.poll()
                if code is None or lives(task.name):
                    progress.say(task.name, job.doing() if code is None else "outlived its runner")
                    continue
                codes[task.name] = code
                ended.append((task, time.monotonic()))
                del running[task]
                progress.say(task.name, "is over" if code == 0 else _ended_badly(code, job.log), done=True)
            pause(LOOK_S)
    except BaseException:
        runner.end(list(running.values()), END_S)
        raise
    return codes


def _ended_badly(code: int, log: Path) -> str:
    return f"ended with {code}, see {log.name}: {tail(log.read_text(errors='replace'), lines=3)}"
