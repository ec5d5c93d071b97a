"""python -m tests.kill_matrix --runs N --seed S: real experiments are killed at random moments, and nothing is left.

Every way to be killed meets every document; the moment is drawn from the whole life of a run, which is measured first.
After a signal that can be heard, and after the death of Chaos Toolkit alone, the runner itself has to put everything
back. After kill -9 of the runner `python -m experiments heal` has to, or, for the node, its dead-man timer.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy.cluster import Cluster
from deploy.paths import ROOT
from deploy.waiting import NotSo, eventually, pause
from experiments import baseline
from experiments.drivers import docker_nodes
from tests.kill_matrix.residue import left

FOLDER = "tests/kill_matrix"
DOCUMENTS = (("errors", None), ("unready", None), ("zone", None), ("errors", "weakened"))
WITHIN_S = 10.0  # from the end of the process, or of heal, until nothing may be left
END_S = 240.0  # patience for a runner to come to its end
TIMER_S = 30.0  # the document's max_s, the timer's step, and time to start


@dataclass
class Victim:
    """One run that is about to be killed."""

    process: subprocess.Popen[bytes]
    folder: Path

    def children(self) -> list[int]:
        """Returns the process ids of Chaos Toolkit, as a child of the runner."""
        found = []
        for each in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, IndexError):
                parent = (each / "stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) == self.process.pid and b"--no-version-check" in (each / "cmdline").read_bytes():
                    found.append(int(each.name))
        return found

    def send(self, number: int) -> None:
        """Sends a signal to the runner."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


def interrupt_twice(victim: Victim, dice: random.Random) -> None:
    """An impatient user."""
    victim.send(signal.SIGINT)
    pause(dice.uniform(0.02, 3))
    victim.send(signal.SIGINT)


def kill_child(victim: Victim, _: random.Random) -> None:
    """Chaos Toolkit alone dies; before it was started there is nothing to kill."""
    for pid in victim.children():
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def kill_all(victim: Victim, dice: random.Random) -> None:
    """The whole process group of the runner, and that of its child."""
    children = victim.children()
    with suppress(ProcessLookupError):
        os.killpg(victim.process.pid, signal.SIGKILL)
    for pid in children:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    kill_child(victim, dice)


@dataclass
class Way:
    """A way to be killed, and what came of it.

    Attributes:
        deaf: nobody is left who could put things back.
    """

    name: str
    kill: Callable[[Victim, random.Random], None]
    deaf: bool = False
    runs: int = 0
    by_itself: int = 0
    by_heal: int = 0
    by_timer: int = 0
    residues: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


def ways() -> list[Way]:
    """Returns every way to be killed."""
    return [
        Way("SIGINT", lambda victim, _: victim.send(signal.SIGINT)),
        Way("SIGINT twice", interrupt_twice),
        Way("SIGTERM", lambda victim, _: victim.send(signal.SIGTERM)),
        Way("SIGKILL of Chaos Toolkit", kill_child),
        Way("SIGKILL of the runner", lambda victim, _: victim.send(signal.SIGKILL), deaf=True),
        Way("SIGKILL of the whole group", kill_all, deaf=True),
    ]


class Matrix:
    """Kills, heals, looks."""

    def __init__(self, cluster: Cluster, seed: str, folder: Path) -> None:
        self.cluster, self.dice, self.folder = cluster, random.Random(seed), folder  # noqa: S311 - to be repeated
        self.before = baseline.take(cluster)
        self.life_s: dict[tuple[str, str | None], float] = {}

    def start(self, document: str, control: str | None) -> Victim:
        """Starts a run in a session of its own."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        argv = [
            sys.executable,
            "-m",
            "experiments",
            "run",
            f"{FOLDER}/{document}",
            "--no-judge",
            "--run-dir",
            str(folder),
        ]
        argv += ["--control", control] if control else []
        with (folder / "said").open("wb") as said:
            process = subprocess.Popen(argv, cwd=ROOT, stdout=said, stderr=said, start_new_session=True)
        return Victim(process, folder)

    def measure(self, document: str, control: str | None) -> float:
        """Returns how long a run lives that nobody kills, in seconds; measured once."""
        if (document, control) not in self.life_s:
            begin = time.monotonic()
            victim = self.start(document, control)
            if code := victim.process.wait(END_S):
                raise SystemExit(
                    f"{document} {control or ''} ended with {code}: {(victim.folder / 'said').read_text()}"
                )
            self.life_s[document, control] = time.monotonic() - begin
            self.must_be_clean(f"after an unharmed run of {document}")
        return self.life_s[document, control]

    def must_be_clean(self, when: str) -> None:
        """Ends everything unless nothing is left."""
        if found := self.settle():
            raise SystemExit(f"{when} there is left:\n" + "\n".join(found))

    def settle(self) -> list[str]:
        """Waits until nothing is left, WITHIN_S at most and one look at least; returns what is."""
        last: list[str] = []

        def look() -> list[str]:
            last[:] = left(self.cluster, self.before)
            return last

        with suppress(NotSo):
            eventually(look, lambda found: not found, within_s=WITHIN_S, every_s=0.5, what="nothing to be left")
        return list(last)

    def heal(self) -> float:
        """Heals as a user would; returns how long that took."""
        begin = time.monotonic()
        argv = [sys.executable, "-m", "experiments", "heal", "--cluster", self.cluster.name]
        ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=END_S)
        if ended.returncode:
            print(ended.stdout + ended.stderr)
        return time.monotonic() - begin

    def once(self, way: Way, document: str, control: str | None) -> None:
        """One run, one kill, one look."""
        at_s = self.dice.uniform(0, self.measure(document, control))
        victim = self.start(document, control)
        with suppress(subprocess.TimeoutExpired):
            victim.process.wait(at_s)
        lived = victim.process.poll() is None
        way.kill(victim, self.dice)
        way.runs += 1
        begin = time.monotonic()
        by = self._recover(way, victim, document)
        found = self.settle()
        took_s = time.monotonic() - begin
        way.slowest_s = max(way.slowest_s, took_s)
        told = f"{way.name:27} {document + ('~' + control if control else ''):16} at {at_s:5.1f} s"
        print(f"{told}{'' if lived else ' (it was over)'}: {by}, clean after {took_s:.1f} s", flush=True)
        if found:
            way.residues += [f"{told}: {line}" for line in found]
            print("\n".join(f"  LEFT {line}" for line in found), flush=True)
            self.heal()
            self.must_be_clean("after a second heal")

    def _recover(self, way: Way, victim: Victim, document: str) -> str:
        """Waits for whoever has to put things back; returns who that was."""
        victim.process.wait(END_S)
        if not way.deaf:
            way.by_itself += 1
            return "by itself"
        timed = document == "zone" and self.dice.random() < 0.5
        if timed:
            with suppress(NotSo):
                eventually(self._frozen, lambda nodes: not nodes, within_s=TIMER_S, what="the timer to thaw the nodes")
            way.by_timer += not self._frozen()
        way.by_heal += 1
        return f"{'by its timer and ' if timed else ''}by heal in {self.heal():.1f} s"

    def _frozen(self) -> list[str]:
        return [node for node, state in docker_nodes.states().items() if state == "paused"]


def main() -> int:
    """Kills; returns 0 when nothing was left, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.kill_matrix", description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begins no further run after that time")
    options = parser.parse_args()
    found, end = ways(), time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory(prefix="kill-matrix-") as folder:
        matrix = Matrix(Cluster.connect(), options.seed, Path(folder))
        plan = [(way, *document) for way in found for document in DOCUMENTS] * (options.runs // 24 + 1)
        matrix.dice.shuffle(plan)
        for way, document, control in plan[: options.runs]:
            if time.monotonic() > end:
                break
            matrix.once(way, document, control)
    show(found)
    return 1 if any(way.residues for way in found) else 0


def show(found: list[Way]) -> None:
    """Prints the table."""
    head = (
        f"\n{'killed by':27} {'runs':>5} {'by itself':>10} {'by heal':>8} {'by timer':>9} {'left':>5} {'slowest s':>10}"
    )
    print(head)
    for way in found:
        numbers = f"{way.runs:5} {way.by_itself:10} {way.by_heal:8} {way.by_timer:9} {len(way.residues):5}"
        print(f"{way.name:27} {numbers} {way.slowest_s:10.1f}")
    print(f"{sum(way.runs for way in found)} runs were killed, {sum(len(way.residues) for way in found)} things left")


if __name__ == "__main__":
    sys.exit(main())
