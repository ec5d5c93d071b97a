"""Which cases run on a cluster right now: each holds a lock that the kernel frees with the last of its processes.

A case is two processes, the runner and Chaos Toolkit; both hold the same lock, so a case whose runner was killed still
runs while its other half does. What a running case has open in the ledger is its own business; what one that is over
has left there is anybody's.
"""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy import paths
from deploy.errors import Problem
from deploy.files import only_one
from deploy.waiting import NotSo, eventually
from experiments.radius import Radius

RUN = "RESILIENCE_RUN"


@dataclass(frozen=True, slots=True)
class Case:
    """A case that runs.

    Attributes:
        run: what its ledger entries are owned by.
        name: of the case.
    """

    run: str
    name: str
    radius: Radius


def this() -> str:
    """Returns the run that this process belongs to, "" for none."""
    return os.environ.get(RUN, "")


@contextmanager
def begun(cluster: str, name: str, radius: Radius) -> Iterator[int]:
    """Makes this process a running case for the time of the block; gives the descriptor that its child must inherit.

    Raises:
        Problem: what it disturbs, or needs, is in use by another one.
    """
    folder, run = _folder(cluster), uuid.uuid4().hex
    with ExitStack() as stack:
        with only_one(folder.with_suffix(".lock")):
            others = cases(cluster)
            for other in others:
                if other.radius.conflicts(radius):
                    raise Problem(
                        f"{name} cannot run now: {other.name} runs on the same cluster",
                        why="one of them disturbs what the other needs",
                        fix="wait for its end, or stop it (Ctrl-C there)",
                    )
            for left in set(folder.glob("*")) - {folder / other.run for other in others}:
                left.unlink(missing_ok=True)
            held = stack.enter_context((folder / run).open("w"))
            held.write(json.dumps({"name": name, "radius": radius.model_dump(mode="json")}))
            held.flush()  # before the lock, so that whoever finds it locked finds it written
            fcntl.flock(held, fcntl.LOCK_EX)
        before, os.environ[RUN] = os.environ.get(RUN), run
        try:
            yield held.fileno()
        finally:
            os.environ.pop(RUN)
            if before is not None:
                os.environ[RUN] = before


def cases(cluster: str) -> list[Case]:
    """Returns the cases that run, in no order."""
    found = []
    for file in _folder(cluster).glob("*"):
        if lives(cluster, file.name):
            about = json.loads(file.read_text())
            found.append(Case(file.name, about["name"], Radius.model_validate(about["radius"])))
    return found


def await_end(cluster: str, within_s: float) -> list[str]:
    """Waits until no case runs: what is left of one that was killed may still be rolling back, or injecting.

    Returns the names of those that run on all the same.
    """
    try:
        eventually(
            lambda: [case.name for case in cases(cluster)],
            lambda names: not names,
            within_s=within_s,
            what="the cases that run to end",
        )
    except NotSo:
        return [case.name for case in cases(cluster)]
    return []


def lives(cluster: str, run: str) -> bool:
    """Says whether a run still has a process."""
    try:
        with (_folder(cluster) / run).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _folder(cluster: str) -> Path:
    folder = paths.state(cluster) / "running"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
