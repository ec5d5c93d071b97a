"""Ends faults of nodes when their time is over, even if everything else of the suite was killed.

Started in a session of its own before the fault is injected. When it wakes it looks into the ledger: an entry that was
crossed out in the meantime is none of its business any more (a later experiment may have injected the same again).
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

from deploy.errors import Problem
from deploy.paths import ROOT
from deploy.waiting import NotSo, eventually, pause
from experiments.drivers import docker_nodes, packet_rules
from experiments.ledger import Ledger, Undo

ARMED = b"armed\n"
ARMING_S = 20.0
STEP_S = 5.0
RETRIES_S, RETRY_EVERY_S = 300.0, 2.0


def start(ledger: Ledger, entry_ids: list[str], max_s: float) -> int:
    """Starts the timer as a process that outlives its parents; returns its pid once it runs.

    Raises:
        Problem: it does not run, so nothing may be injected.
    """
    argv = [sys.executable, "-m", "experiments.drivers.deadman", str(ledger.path), str(max_s), *entry_ids]
    process = subprocess.Popen(
        argv,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout
    with process.stdout as told:
        heard = told.readline() if select.select([told], [], [], ARMING_S)[0] else b""
    if heard != ARMED:
        process.kill()
        raise Problem(
            "nothing was injected: the timer that would end it does not run",
            why=f"exit code {process.wait(10)}",
            fix=f"see what it says: {' '.join(argv)}",
        )
    return process.pid


def wait_and_thaw(path: Path, max_s: float, entry_ids: list[str]) -> None:
    """Waits, in steps so that it ends soon after the fault was ended by others, then ends what is still open."""
    for _ in range(int(max_s / STEP_S) + 1):
        pause(min(STEP_S, max_s))
        if not _still_open(path, entry_ids):
            return
    try:
        eventually(
            lambda: _end(path, entry_ids),
            lambda left: not left,
            within_s=RETRIES_S,
            every_s=RETRY_EVERY_S,
            what="every node to be as before",
        )
    except NotSo as error:
        raise SystemExit(str(error)) from error


def _end(path: Path, entry_ids: list[str]) -> list[str]:
    """Undoes each of these entries that is still open; returns why each of the others could not be undone."""
    left = []
    for entry_id, undo in _still_open(path, entry_ids).items():
        node = str(undo["node"])
        try:
            if undo["undo"] == "remove-rules":
                packet_rules.undo(undo)
            else:
                docker_nodes.unpause([node])
            Ledger(path).done(entry_id)
        except (Problem, OSError) as error:
            left.append(f"{node}: {error}")
    return left


def _still_open(path: Path, entry_ids: list[str]) -> dict[str, Undo]:
    entries = {entry.id: entry for entry in Ledger(path).open()}
    return {wanted: entries[wanted].undo for wanted in entry_ids if wanted in entries}


if __name__ == "__main__":
    os.write(1, ARMED)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever waits for more must see the end
    wait_and_thaw(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
