"""How an experiment's watchers and callers end, and what is said of a wait that was in vain."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from deploy.errors import Problem
from experiments.record import Recorder, read_lines
from experiments.session import Session
from experiments.watch.thread import Watcher

if TYPE_CHECKING:
    from pathlib import Path


class Meeting(Watcher):
    """Ends when everybody else has been told to."""

    def __init__(self, recorder: Recorder, everybody: threading.Barrier) -> None:
        super().__init__("meeting", recorder)
        self.everybody = everybody

    def watch(self) -> None:
        self.stopping.wait()
        self.everybody.wait(10)


class Callers:
    """Say whether anybody still watched when they were stopped."""

    def __init__(self, fails: bool) -> None:  # noqa: FBT001 - a test's parameter
        self.fails, self.watched_to_the_end = fails, False
        self.watchers: list[Watcher] = []

    def stop(self) -> None:
        self.watched_to_the_end = not any(watcher.stopping.is_set() for watcher in self.watchers)
        if self.fails:
            raise Problem("a caller cannot be stopped")


def running(folder: Path, callers: Any) -> Session:
    nowhere: Any = SimpleNamespace()
    return Session(nowhere, Recorder(folder), {}, callers)


@pytest.mark.parametrize("fails", [False, True])
def test_watchers_outlast_the_callers_and_end_side_by_side(tmp_path: Path, fails: bool) -> None:  # noqa: FBT001
    callers, everybody = Callers(fails), threading.Barrier(3)
    session = running(tmp_path, callers)
    for _ in range(3):
        session.add(Meeting(session.recorder, everybody))
    callers.watchers = session.watchers
    with pytest.raises(Problem) if fails else nullcontext():
        session.stop()
    assert callers.watched_to_the_end
    assert not everybody.broken
    assert not any(watcher.is_alive() for watcher in session.watchers)


def test_a_wait_in_vain_is_noted_with_what_was_seen_last(tmp_path: Path) -> None:
    session = running(tmp_path, Callers(fails=False))
    assert session.becomes(lambda: 3, lambda count: count == 3, within_s=0, what="three")
    assert not session.becomes(lambda: 2, lambda count: count == 3, within_s=0, what="three")
    (note,) = read_lines(tmp_path / "events.ndjson")
    assert "for three" in note["text"]
    assert "last value: 2" in note["text"]
