"""Callers of two cases in one pod: each case reads, and ends, its own."""

import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy import waiting
from experiments import ledger, session, traffic, undo
from experiments.probes import workload
from experiments.record import Recorder
from experiments.watch.ejection import EjectionWatcher
from tests.unit.clock import Clock


@pytest.fixture
def runs() -> Iterator[tuple[str, str]]:
    names = uuid.uuid4().hex[:12], uuid.uuid4().hex[:12]
    yield names
    for path in [path for run in names for path in Path("/tmp").glob(f"samples-{run}-*")]:
        path.unlink()


def caller(run: str) -> subprocess.Popen[bytes]:
    """A process that looks like a caller."""
    words = ["/opt/app/open_loop.py", "--url", "http://app/", "--method", "GET", "--run", run, "--caller", "x"]
    return subprocess.Popen(["sh", "-c", "sleep 60; :", *words])


def test_heal_ends_the_callers_of_the_run_that_left_them_and_no_others(runs: Any) -> None:
    mine, theirs = (caller(run) for run in runs)
    try:
        told = subprocess.run(["sh", "-c", undo.STOP_CALLERS.read_text(), runs[0]], capture_output=True, check=True)
        assert told.stdout == b"1\n"
        assert mine.wait(60) != 0
        assert theirs.poll() is None
    finally:
        mine.kill()
        theirs.kill()


def test_the_newest_samples_are_those_of_the_own_run(runs: Any) -> None:
    for run, name, text in [(runs[0], "us-east-1a", "mine"), (runs[1], "us-east-1a", "theirs"), (runs[0], "b", "b's")]:
        Path(f"/tmp/samples-{run}-{name}-0.ndjson").write_text(text)
    told = subprocess.run(["sh", "-c", traffic.TAIL, runs[0], "us-east-1a"], capture_output=True, check=True)
    assert told.stdout == b"mine"


class Client(EjectionWatcher):
    """A client's proxy that ejects at some look."""

    def __init__(self, client: str, *flagged: frozenset[str]) -> None:
        self.client, self.looks = client, list(flagged)

    @property
    def flagged(self) -> frozenset[str]:  # type: ignore[override]
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


OUT, IN = frozenset({"app-1"}), frozenset[str]()


@pytest.mark.parametrize(
    ("clients", "not_by"),
    [
        ([Client("a", IN, OUT), Client("b", IN, IN, OUT)], []),
        ([Client("a", OUT), Client("b", IN)], ["b"]),
        ([Client("a", frozenset({"app-2"}))], ["a"]),
    ],
    ids=["all", "one never", "another replica"],
)
def test_a_fault_is_held_until_every_client_has_ejected_and_a_tail(
    monkeypatch: pytest.MonkeyPatch, clients: Any, not_by: Any
) -> None:
    waited: list[float] = []
    bad = ledger.Entry("1", "x", {"undo": "clear-fault", "pods": [{"name": "app-1"}]})
    book = SimpleNamespace(own=lambda: [bad, ledger.Entry("2", "callers", {"undo": "stop-callers"})])
    running = SimpleNamespace(ledger=book, watchers=clients, still_watched=lambda: None)
    monkeypatch.setattr(session, "current", lambda: running)
    monkeypatch.setattr(workload, "pause", waited.append)
    monkeypatch.setattr(waiting, "time", Clock())
    told = workload.ejected(within_s=0.6, tail_s=15)
    assert (told["bad"], told["not_by"], waited) == (["app-1"], not_by, [15])


@pytest.mark.parametrize(("entries", "clients"), [([], [Client("a", OUT)]), ([{"name": "app-1"}], [])])
def test_an_ejection_that_nobody_can_see_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, entries: Any, clients: Any
) -> None:
    book = SimpleNamespace(own=lambda: [ledger.Entry("1", "x", {"undo": "clear-fault", "pods": entries})])
    monkeypatch.setattr(session, "current", lambda: SimpleNamespace(ledger=book, watchers=clients))
    with pytest.raises(Exception, match="nothing can be ejected"):
        workload.ejected(within_s=60, tail_s=15)


@pytest.mark.parametrize(
    ("clients", "out"),
    [([Client("a", OUT, IN), Client("b", IN)], []), ([Client("a", OUT), Client("b", IN)], ["app-1"])],
    ids=["all", "one never"],
)
def test_the_return_of_ejected_replicas_is_waited_for_and_a_tail(
    monkeypatch: pytest.MonkeyPatch, clients: Any, out: Any
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(session, "current", lambda: SimpleNamespace(watchers=clients, still_watched=lambda: None))
    monkeypatch.setattr(workload, "pause", waited.append)
    monkeypatch.setattr(waiting, "time", Clock())
    told = workload.let_in_again(within_s=60, tail_s=5)
    assert (told["out"], waited) == (out, [5])


def test_a_return_that_nobody_can_see_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "current", lambda: SimpleNamespace(watchers=[]))
    with pytest.raises(Exception, match="nobody sees who is let in again"):
        workload.let_in_again(within_s=60, tail_s=5)


def test_who_waits_for_callers_is_interrupted_at_once(tmp_path: Path) -> None:
    """Seen live: Ctrl-C waited 95 s, until callers had sent what was planned. They are stopped after it, not by it."""
    stopped = threading.Event()
    nobody: Any = None
    calls = traffic.Traffic(nobody, Recorder(tmp_path), None, nobody)
    calls._callers["slow"] = SimpleNamespace(wait=stopped.wait)  # type: ignore[assignment]
    begin = time.monotonic()
    here = threading.get_ident()
    threading.Timer(0.2, signal.pthread_kill, [here, signal.SIGINT]).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            calls.wait()
        assert time.monotonic() - begin < 30
    finally:
        stopped.set()
