"""What must be undone: written before a fault is injected, crossed out once it is gone.

An undo is data, never code: `{"undo": "unpause-node", "node": …}`. The file outlives every process of the suite, so
that `python -m experiments heal` works after a kill -9, as often as it is asked. A line that was torn by a crash was
never followed by its injection (the write is fsynced first), so it can be skipped.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy import paths
from deploy.errors import Problem
from experiments import guard
from experiments.record import append_line, now, read_lines

type Undo = Mapping[str, Any]

# Node faults first: while a zone is frozen the cluster may not be able to undo anything else.
NODE_UNDOS = frozenset({"unpause-node"})


@dataclass(frozen=True, slots=True)
class Entry:
    """An intent: which fault, and how it is undone.

    Attributes:
        cluster: identity of the cluster that it was injected into; undone in another, it would be a fault there.
    """

    id: str
    fault: str
    undo: Undo
    cluster: str = ""


type Driver = Callable[[Entry], str]


class Ledger:
    """The intents of one cluster, as an append-only file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, cluster: str) -> Ledger:
        """Returns the ledger of a cluster; its folder is made when missing."""
        folder = paths.state(cluster)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        ledger = cls(folder / "ledger.ndjson")
        if not ledger.path.exists():
            ledger.path.touch(mode=0o600)
            ledger._sync_folder()  # its lines are fsynced each, but its name is not
        return ledger

    def intend(self, fault: str, undo: Undo) -> Entry:
        """Writes down how a fault will be undone; on disk when it returns.

        Raises:
            Problem: the undo is not one that heal knows, or it could not be written: nothing may be injected then.
        """
        known(undo)
        entry = Entry(uuid.uuid4().hex, fault, dict(undo), guard.pinned())
        line = {"op": "intend", "id": entry.id, "fault": fault, "undo": entry.undo, "cluster": entry.cluster}
        try:
            append_line(self.path, line | now())
        except OSError as error:
            raise Problem(
                f"nothing was injected ({fault}): how to undo it could not be written down",
                why=str(error),
                fix=f"make room and see that {self.path} can be written",
            ) from error
        return entry

    def done(self, entry_id: str) -> None:
        """Crosses an entry out: its fault is known to be gone."""
        append_line(self.path, {"op": "done", "id": entry_id, **now()})

    def open(self) -> list[Entry]:
        """Returns what is not undone yet, oldest first; what cannot be understood is an entry that nobody can undo."""
        entries: dict[str, Entry] = {}
        for number, line in enumerate(read_lines(self.path), 1):
            entry_id, op, undo = str(line.get("id", f"line {number}")), line.get("op"), line.get("undo")
            if op == "done":
                entries.pop(entry_id, None)
            elif op == "intend" and isinstance(undo, dict):
                entries[entry_id] = Entry(entry_id, str(line.get("fault", "")), undo, str(line.get("cluster", "")))
            else:
                entries[entry_id] = Entry(entry_id, f"line {number} of {self.path.name}", {"undo": op})
        return list(entries.values())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lets one process heal at a time; needs no file of its own, which a full disk would refuse."""
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def heal(self, drivers: Mapping[str, Driver], *, fault: str | None = None) -> list[str]:
        """Undoes everything open (or one fault's entries): node faults first, then the newest first.

        One undo that fails does not keep the others from being tried; it stays open for the next heal.

        Returns:
            One line for each entry that was undone.

        Raises:
            Problem: at the end, when something could not be undone.
        """
        lines, failures = [], []
        with self.locked():
            entries = [entry for entry in reversed(self.open()) if fault in (None, entry.fault)]
            for entry in sorted(entries, key=lambda entry: entry.undo.get("undo") not in NODE_UNDOS):
                try:
                    lines.append(f"{entry.fault}: {drivers[known(entry.undo)](entry)}")
                    self.done(entry.id)
                except Exception as error:  # noqa: BLE001 - the rest must still be healed; told at the end
                    failures.append(f"{entry.fault} ({entry.undo.get('undo')}): {error}")
        if failures:
            raise Problem(
                f"{len(failures)} fault(s) could not be undone",
                why="\n".join(failures),
                fix="mend what is named above and run `python -m experiments heal` again, or delete the cluster",
            )
        return lines


KNOWN_UNDOS = frozenset(
    {"unpause-node", "restore-object", "delete-object", "clear-fault", "stop-callers", "rebuild-database"}
)


def known(undo: Undo) -> str:
    """Returns the undo's name.

    Raises:
        Problem: nothing is known by that name, so it could never be healed.
    """
    name = str(undo.get("undo"))
    if name not in KNOWN_UNDOS:
        raise Problem(
            f"no undo is called {name!r}",
            why=f"known are {', '.join(sorted(KNOWN_UNDOS))}",
            fix="the ledger was written by another version of the suite: heal with that version, or delete the cluster",
        )
    return name
