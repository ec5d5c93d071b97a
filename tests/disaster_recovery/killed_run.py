"""A run of an experiment that is killed with everything that belongs to it, as by a lost machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.errors import Problem
from deploy.paths import ROOT
from deploy.shell import run, tail
from deploy.waiting import eventually
from experiments.record import CASE_DIR, case_name, read_lines

HEAL_S = 900


@dataclass
class KilledRun:
    """One run.

    Attributes:
        experiment: for example mesh/ejection.
        run_dir: where it records.
        cluster: name of the cluster.
    """

    experiment: str
    run_dir: Path
    cluster: str
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def folder(self) -> Path:
        """The case's record."""
        return self.run_dir / case_name(self.experiment)

    def events(self) -> list[dict[str, Any]]:
        """Returns what is recorded so far."""
        return read_lines(self.folder / "events.ndjson")

    def first(self, kind: str) -> dict[str, Any]:
        """Returns the first event of a kind, {} when there is none."""
        return next((event for event in self.events() if event["kind"] == kind), {})

    def kill_when(self, happened: Callable[[dict[str, Any]], bool], within_s: float) -> None:
        """Starts the run and sends SIGKILL to all of its processes as soon as an event says so.

        Raises:
            Problem: it ended before that.
        """
        argv = [sys.executable, "-m", "experiments", "run", self.experiment, "--run-dir", str(self.run_dir)]
        log = self.run_dir / "run.log"
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                argv, cwd=ROOT, env=self._environment(), stdout=said, stderr=said, start_new_session=True
            )
        try:
            eventually(
                lambda: self._over() or any(map(happened, self.events())),
                bool,
                within_s=within_s,
                every_s=0.05,
                what=f"the moment at which {self.experiment} is killed",
            )
            if self._over():
                raise Problem(f"{self.experiment} ended before it could be killed", why=tail(log.read_text(), 20))
        finally:
            self._kill()

    def heal(self) -> str:
        """Heals as a user does; returns what it printed. Problem when it did not work."""
        argv = [sys.executable, "-m", "experiments", "heal", "--cluster", self.cluster]
        return run(argv, what="healing", timeout_s=HEAL_S, cwd=ROOT, env=self._environment()).strip()

    def _over(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _environment(self) -> dict[str, str]:
        return os.environ | {"RESILIENCE_CLUSTER": self.cluster}

    def _kill(self) -> None:
        assert self._process
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        eventually(self._kill_rest, lambda left: not left, within_s=20, what="every process of the run to be gone")

    def _kill_rest(self) -> list[int]:
        """Kills what the runner had started, which leads sessions of its own; returns what was still there."""
        mark, left = f"{CASE_DIR}={self.folder.resolve()}".encode(), []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), signal.SIGKILL)
                    left.append(int(entry.name))
        return left
