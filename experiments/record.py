"""The writer of a run's record: facts only, each on disk before the next thing happens, and no secrets.

One line is one event. A line is written with a single append and fsynced, so that after a kill -9 at most the last
line is torn; a writer that finds a torn last line starts a new one, and readers skip what does not parse. Every other
file is replaced in one step. What is written is private to its owner, and the cluster's secrets are cut out of it.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from deploy import credentials
from deploy.cluster import DEFAULT_NAME
from deploy.errors import Problem
from deploy.files import replace_bytes
from deploy.paths import ROOT
from experiments.redact import Redactor

CASE_DIR = "RESILIENCE_CASE_DIR"
CONTROL = "RESILIENCE_CONTROL"
CLUSTER = "RESILIENCE_CLUSTER"
EARLIER = "earlier"  # in a case's folder: its record before it was made anew
RUNS = ROOT / "reports" / "runs"


def append_line(path: Path, entry: dict[str, Any], scrub: Callable[[bytes], bytes] = bytes) -> None:
    """Appends one JSON object as a line, readable by its owner only, and returns when it is on disk.

    Args:
        path: the file.
        entry: the object.
        scrub: what the line goes through before it is written.
    """
    line = scrub(as_json(entry)) + b"\n"
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


def as_json(content: object, indent: int | None = None) -> bytes:
    """Returns JSON; what JSON does not know is written as text."""
    separators = (",", ":") if indent is None else None
    return json.dumps(content, indent=indent, separators=separators, default=str).encode()


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


_secrets: dict[str, set[str]] = {}  # by cluster: what this process has ever known


def redactor(cluster: str) -> Redactor:
    """Returns what cuts the secrets of a cluster out of a record; tokens that ended meanwhile included."""
    return _redactor(cluster, credentials.version(cluster))


@cache
def _redactor(cluster: str, _version: tuple[int, ...]) -> Redactor:
    known = _secrets.setdefault(cluster, set())
    known |= set(credentials.known(cluster))
    return Redactor(known)


def private_folder(folder: Path) -> Path:
    """Makes a run's or a case's folder, and the run's above a case's, so that only its owner may look into it."""
    for each in (folder.parent, folder):
        if not each.exists():
            each.mkdir(parents=True, mode=0o700)
    return folder


def set_aside(folder: Path) -> Path:
    """Moves a case's record, if there is one, into the folder where it is to be made anew; returns that folder."""
    if (folder / "case.json").exists():
        kept = folder.with_name(f".{folder.name}")
        folder.rename(kept)
        private_folder(folder)
        kept.rename(folder / EARLIER)
    return folder


class Recorder:
    """Appends events to one case's folder. Safe to use from several threads.

    Attributes:
        folder: the case's folder, created when missing.
        cluster: name of the cluster whose secrets must not get into it.
    """

    def __init__(self, folder: Path, cluster: str | None = None) -> None:
        self.folder = private_folder(folder)
        self.cluster = cluster or os.environ.get(CLUSTER) or DEFAULT_NAME
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
            append_line(self.folder / "events.ndjson", entry, redactor(self.cluster).scrub)
        return entry

    def write(self, name: str, content: object) -> None:
        """Writes a file of the case in one step: bytes or text as they are, anything else as JSON."""
        raw = content.encode() if isinstance(content, str) else content
        data = raw if isinstance(raw, bytes) else as_json(content, indent=2) + b"\n"
        path = self.folder / name
        replace_bytes(private_folder(path.parent) / path.name, redactor(self.cluster).scrub(data), mode=0o600)

    def close(self) -> None:
        """Says when the case ended, cleans what programs not ours wrote (logs), and makes all of it private."""
        self.describe(ended=now())
        for path in sorted(self.folder.rglob("*")):
            if path.is_dir():
                path.chmod(0o700)
                continue
            data = path.read_bytes()
            clean = redactor(self.cluster).scrub(data)
            if clean is not data:
                replace_bytes(path, clean, mode=0o600)
            path.chmod(0o600)

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
            self.write(path.name, known | fields)


def case_name(experiment: str, control: str | None = None) -> str:
    """Returns a case's folder name: mesh/ejection -> mesh.ejection, or mesh.ejection~name with a negative control."""
    return experiment.replace("/", ".") + (f"~{control}" if control else "")


def new_run_folder(suffix: str = "") -> Path:
    """Returns a folder, not yet made, for a run that starts now."""
    return RUNS / (datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ") + suffix)
