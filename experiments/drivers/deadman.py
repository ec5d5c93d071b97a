"""Thaws nodes when their time is over, even if everything else of the suite was killed.

Started in a session of its own before a zone is frozen. When it wakes it looks into the ledger: an entry that was
crossed out in the meantime is none of its business any more (the zone may be frozen again by a later experiment).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deploy.paths import ROOT
from deploy.waiting import pause
from experiments.drivers import docker_nodes
from experiments.ledger import Ledger


def start(ledger: Ledger, entry_ids: list[str], max_s: float) -> int:
    """Starts the timer as a process that outlives its parents; returns its pid."""
    argv = [sys.executable, "-m", "experiments.drivers.deadman", str(ledger.path), str(max_s), *entry_ids]
    process = subprocess.Popen(
        argv,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return process.pid


def wait_and_thaw(path: Path, max_s: float, entry_ids: list[str]) -> None:
    """Waits, in steps so that it ends soon after the zone was thawed by others, then thaws what is still open."""
    step_s = 5.0
    for _ in range(int(max_s / step_s) + 1):
        pause(min(step_s, max_s))
        if not _still_open(path, entry_ids):
            return
    ledger = Ledger(path)
    for entry_id, node in _still_open(path, entry_ids).items():
        docker_nodes.unpause([node])
        ledger.done(entry_id)


def _still_open(path: Path, entry_ids: list[str]) -> dict[str, str]:
    entries = {entry.id: entry for entry in Ledger(path).open()}
    return {wanted: str(entries[wanted].undo["node"]) for wanted in entry_ids if wanted in entries}


if __name__ == "__main__":
    wait_and_thaw(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
