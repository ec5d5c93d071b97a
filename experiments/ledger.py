"""What must be undone: written before a fault is injected, crossed out once it is gone.

An undo is data, never code: `{"undo": "unpause-node", "node": …}`. The file outlives every process of the suite, so
that `python -m experiments heal` works after a kill -9, as often as it is asked. A line that was torn by a crash was
never followed by its injection (the write is fsynced first), so it can be skipped. A whole line that
this version does not understand is not skipped: it may be a fault that still acts.

Cases may run side by side. Each entry says whose it is; a case looks at its own, and at those of nobody who still runs.
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
from experiments import guard, running
from experiments.record import append_line, now, read_lines

type Undo = Mapping[str, Any]

# Node faults first: while a zone is frozen the cluster may not be able to undo anything else. A database last: the
# keys and settings that a negative control took away must be back before it asks its repository.
FIRST_UNDOS, LAST_UNDOS = frozenset({"unpause-node", "remove-rules"}), frozenset({"rebuild-database"})


@dataclass(frozen=True, slots=True)
class Entry:
    """An intent: which fault, how it is undone, and the run that it belongs to.

    Attributes:
        on: identity of the cluster that it was injected into; undone in another, it would be a fault there.
    """

    id: str
    fault: str
    undo: Undo
    run: str = ""
    on: str = ""


type Driver = Callable[[Entry], str]


class Ledger:
    """The intents of one cluster, as an append-only file.

    Attributes:
        path: of the file.
        cluster: its name; says where running cases are found.
    """

    def __init__(self, path: Path, cluster: str = "") -> None:
        self.path, self.cluster = path, cluster

    @classmethod
    def of(cls, cluster: str) -> Ledger:
        """Returns the ledger of a cluster; its folder is made when missing."""
        folder = paths.state(cluster)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        ledger = cls(folder / "ledger.ndjson", cluster)
        if not ledger.path.exists():
            ledger.path.touch(mode=0o600)
            with ledger._folder() as held:
                os.fsync(held)  # its lines are synced each, but its name is not
        return ledger

    def intend(self, fault: str, undo: Undo) -> Entry:
        """Writes down how a fault will be undone; on disk when it returns.

        Raises:
            Problem: the undo is not one that heal knows, or it could not be written: nothing may be injected then.
        """
        known(undo)
        entry = Entry(uuid.uuid4().hex, fault, dict(undo), running.this(), guard.pinned())
        line = {"op": "intend", "id": entry.id, "fault": fault, "undo": entry.undo, "run": entry.run, "on": entry.on}
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
            fault, run, on = (str(line.get(key, "")) for key in ("fault", "run", "on"))
            if op == "done":
                entries.pop(entry_id, None)
            elif op == "intend" and isinstance(undo, dict):
                entries[entry_id] = Entry(entry_id, fault, undo, run, on)
            else:
                entries[entry_id] = Entry(entry_id, f"line {number} of {self.path.name}", {"undo": op}, run, on)
        return list(entries.values())

    def own(self, fault: str | None = None) -> list[Entry]:
        """Returns what this run has open, or what it has open of one fault."""
        return [entry for entry in self.open() if entry.run == running.this() and fault in (None, entry.fault)]

    def abandoned(self) -> list[Entry]:
        """Returns what is open and belongs to no run that has a process left."""
        return [entry for entry in self.open() if not running.lives(self.cluster, entry.run)]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lets one process heal at a time; needs no file of its own, which a full disk would refuse."""
        with self._folder() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _folder(self) -> Iterator[int]:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            yield folder
        finally:
            os.close(folder)

    def heal(self, drivers: Mapping[str, Driver], *, abandoned: bool = False) -> list[str]:
        """Undoes everything open, or what is abandoned: node faults first, databases last, else the newest first.

        One undo that fails does not keep the others from being tried; it stays open for the next heal.

        Returns:
            One line for each entry that was undone.

        Raises:
            Problem: at the end, when something could not be undone.
        """
        with self.locked():
            return self._undo(drivers, self.abandoned() if abandoned else self.open())

    def heal_own(self, drivers: Mapping[str, Driver], fault: str | None = None) -> list[str]:
        """Undoes what this run has open, or what it has open of one fault, as `heal` does.

        Nobody else touches that, so nobody is waited for: another run's database may take minutes to come back.
        """
        return self._undo(drivers, self.own(fault))

    def _undo(self, drivers: Mapping[str, Driver], entries: list[Entry]) -> list[str]:
        lines, failures = [], []
        newest_first = list(reversed(entries))
        for entry in sorted(newest_first, key=_rank):
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


def _rank(entry: Entry) -> int:
    name = entry.undo.get("undo")
    return 0 if name in FIRST_UNDOS else 2 if name in LAST_UNDOS else 1


OTHER_UNDOS = frozenset({"restore-object", "delete-object", "clear-fault", "stop-callers", "forget-overrides"})
KNOWN_UNDOS = FIRST_UNDOS | LAST_UNDOS | OTHER_UNDOS


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
