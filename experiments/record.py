"""The writer of a run's record: facts only, each on disk before the next thing happens.

One line is one event. A line is written with a single append and fsynced, so that after a kill -9 at most the last
line is torn; a writer that finds a torn last line starts a new one, and readers skip what does not parse.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.errors import Problem
from deploy.paths import ROOT

CASE_DIR = "RESILIENCE_CASE_DIR"
CONTROL = "RESILIENCE_CONTROL"
RUNS = ROOT / "reports" / "runs"


def append_line(path: Path, entry: dict[str, Any]) -> None:
    """Appends one JSON object as a line, readable by its owner only, and returns when it is on disk."""
    line = json.dumps(entry, separators=(",", ":"), default=str).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(descriptor, line) < len(line):  # how a disk that becomes full says so
            raise OSError(errno.ENOSPC, f"only a part of a line could be written to {path}")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Returns every whole line of a file; torn lines are left out, a missing file is empty."""
    if not path.exists():
        return []
    entries = []
    for line in path.read_bytes().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def now() -> dict[str, float]:
    """Returns this moment on both clocks: `mono` to calculate with, `wall` to show to people."""
    return {"mono": time.monotonic(), "wall": time.time()}


class Recorder:
    """Appends events to one case's folder. Safe to use from several threads.

    Attributes:
        folder: the case's folder, created when missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self._lock = threading.Lock()

    @classmethod
    def current(cls) -> Recorder:
        """Returns the recorder of the case that is running (environment variable RESILIENCE_CASE_DIR).

        Raises:
            Problem: no case is running.
        """
        folder = os.environ.get(CASE_DIR)
        if not folder:
            raise Problem(
                "nothing is being recorded",
                why=f"{CASE_DIR} is not set: an action was called outside an experiment",
                fix="declare the control experiments.controls.recording in the document",
            )
        return cls(Path(folder))

    def event(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Writes one event and returns it; `t` may be given when the event began earlier than now."""
        moment = now()
        entry = {"t": moment["mono"], "wall": moment["wall"], "kind": kind, **fields}
        with self._lock:
            append_line(self.folder / "events.ndjson", entry)
        return entry

    def note(self, text: str) -> None:
        """Writes something that a reader should know and that decides nothing."""
        self.event("note", text=text)

    def describe_new(self, **fields: Any) -> None:
        """Describes a case that nobody has described yet: a document that is run by hand has no runner to do it."""
        if not (self.folder / "case.json").exists():
            self.describe(**fields)

    def describe(self, **fields: Any) -> None:
        """Merges fields into case.json; a reader never sees half a file."""
        path = self.folder / "case.json"
        with self._lock:
            known = json.loads(path.read_text()) if path.exists() else {}
            draft = path.with_suffix(".draft")
            draft.write_text(json.dumps(known | fields, indent=2) + "\n")
            draft.chmod(0o600)
            draft.replace(path)


def case_name(experiment: str, control: str | None = None) -> str:
    """Returns a case's folder name: mesh/ejection -> mesh.ejection, or mesh.ejection~name with a negative control."""
    return experiment.replace("/", ".") + (f"~{control}" if control else "")


def new_run_folder(suffix: str = "") -> Path:
    """Returns a folder, not yet made, for a run that starts now."""
    return RUNS / (datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ") + suffix)
