"""Runs tasks as processes, as many side by side as may share time. One that dies leaves the others alone."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.paths import ROOT
from deploy.progress import Progress
from deploy.shell import tail
from experiments import runner, running, schedule
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
        counted_on: the cluster among whose running cases it is counted, for a job that is no case by itself: what it
            makes and takes away is then no difference that a case beside it finds.
    """

    task: Task
    arguments: Sequence[str]
    folder: Path
    counted_on: str = ""

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def begin(self) -> subprocess.Popen[bytes]:
        """Starts it, in a session of its own: Ctrl-C reaches it once, from us."""
        with ExitStack() as stack:
            log, held = stack.enter_context(self.log.open("ab")), list[int]()
            if self.counted_on:  # until the last process that inherits what is held has ended
                held.append(stack.enter_context(running.begun(self.counted_on, self.task.name, self.task.radius)))
            return subprocess.Popen(
                [sys.executable, *self.arguments],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=held,
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
    work = _Work({job.task: job for job in jobs}, schedule.order((job.task for job in jobs), at_once))
    with _asked_to_stop() as asked:
        try:
            while work.waiting or work.running:
                work.begin_what_may(at_once)
                work.look(progress, lives)
                _heed(asked, LOOK_S)
        except BaseException:
            runner.end(list(work.running.values()), END_S)
            raise
    return work.codes


@dataclass
class _Work:
    """What waits, runs and is over."""

    jobs: dict[Task, Job]
    waiting: list[Task]
    running: dict[Task, subprocess.Popen[bytes]] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)

    def begin_what_may(self, at_once: int) -> None:
        """Starts what may run beside what runs."""
        while task := schedule.startable(self.waiting, list(self.running), at_once):
            self.waiting.remove(task)
            self.running[task] = self.jobs[task].begin()

    def look(self, progress: Progress, lives: Callable[[str], bool]) -> None:
        """Tells what each job is at, and notes those that are over."""
        for task, process in list(self.running.items()):
            code = process.poll()
            if code is None or lives(task.name):
                progress.say(task.name, self.jobs[task].doing() if code is None else "outlived its runner")
                continue
            del self.running[task]
            self.codes[task.name] = code
            progress.say(task.name, "is over" if code == 0 else _badly(code, self.jobs[task].log), done=True)


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """Gives what Ctrl-C and SIGTERM set: raised anywhere, they would lose a process that is just being started."""
    asked = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _heed(asked: threading.Event, within_s: float) -> None:
    if asked.wait(within_s):
        raise KeyboardInterrupt


def _badly(code: int, log: Path) -> str:
    last = tail(log.read_text(errors="replace"), lines=3)
    return f"ended with {code}, see {log.name}: {' '.join(last.split())}"
