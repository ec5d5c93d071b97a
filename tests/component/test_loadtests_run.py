"""Starting and stopping load, with real processes; the pod is a folder on this machine."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.errors import Problem
from deploy.paths import ROOT
from deploy.waiting import eventually
from deploy.workloads.shop.orders import Order, Refused
from experiments import undo
from loadtests import crowd, samples
from loadtests import run as loads
from loadtests.run import HostCaller, Locust, PodCaller
from loadtests.shapes import SHAPES, ramp, spike

PATIENCE_S = 120  # a busy machine takes long to start a process


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((loads, "START_S"), (loads, "GRACE_S"), (crowd, "GRACE_S"), (crowd, "STOP_S")):
        monkeypatch.setattr(module, name, PATIENCE_S)


class Shop(BaseHTTPRequestHandler):
    """Answers /browse and orders, each in one segment; it sells what the real one does."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self.answer(200, b"{}")

    def do_POST(self) -> None:
        try:
            Order.parse(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        except Refused:
            return self.answer(400, b"{}")
        return self.answer(201, b'{"id": 7}')

    def answer(self, status: int, body: bytes) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append(f"{self.command} {self.path}")
        self.wfile.write(f"HTTP/1.1 {status} x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)


class Server(ThreadingHTTPServer):
    """Takes many connections at once, also on a machine that lets it accept them late."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Shop)


@pytest.fixture
def server() -> Iterator[Server]:
    """One for each test: what an earlier one asked may still be on its way."""
    server = Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def shop(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}"


class LocalPods:
    """Runs what should run in a pod as a plain process, with the real call's manners."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def pods(self, *_: str) -> list[Any]:
        meta = [SimpleNamespace(name=name, deletion_timestamp=None) for name in self.names]
        return [SimpleNamespace(metadata=m, status=SimpleNamespace(phase="Running")) for m in meta]

    def exec(self, _namespace: str, _pod: str, argv: Sequence[str], timeout_s: float = 30, **_: str | None) -> str:
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=timeout_s + PATIENCE_S)
        if done.returncode:
            raise Problem(f"{argv[0]} failed", why=done.stderr)
        return done.stdout


def in_pod(url: str, rate_hz: float, *names: str) -> PodCaller:
    pods: Any = LocalPods(*names)
    return PodCaller(pods, "us-east-1a", url, rate_hz, 3600, timeout_s=60, program=PROGRAM)


PROGRAM = (sys.executable, "-P", str(ROOT / "loadtests" / "open_loop.py"))


def test_a_host_caller_that_is_stopped_early_leaves_a_whole_file(shop: str, tmp_path: Path) -> None:
    with HostCaller(shop + "/browse", 20, 3600, tmp_path / "s", timeout_s=60) as caller:
        eventually(
            lambda: len(samples.read(caller.out).samples), lambda n: n >= 5, within_s=PATIENCE_S, what="five samples"
        )
        assert not samples.read(caller.out).complete
    seen = samples.read(tmp_path / "s")
    assert seen.complete
    assert len(seen.samples) == seen.sent
    # What is missing came due last: a starved machine is late, and loses nothing in between.
    assert [sample.i for sample in seen.samples] == list(range(len(seen.samples)))
    assert (seen.planned or 0) >= len(seen.samples)
    assert samples.success_ratio(seen.samples) == 1
    caller.stop()  # twice is once


def test_a_host_caller_ends_by_itself(shop: str, tmp_path: Path) -> None:
    with HostCaller(shop, 50, 0.1, tmp_path / "s", timeout_s=60) as caller:
        caller.wait()
    assert (samples.read(tmp_path / "s").planned, samples.read(tmp_path / "s").sent) == (5, 5)


def test_a_host_caller_that_cannot_begin_says_why(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="must be http"):
        HostCaller("ftp://a/", 1, 1, tmp_path / "s").start()


def test_the_load_stops_when_the_process_that_started_it_is_killed(shop: str, tmp_path: Path) -> None:
    code = (
        "import os, signal; from pathlib import Path; from loadtests import run; from loadtests.run import HostCaller\n"
        f"run.START_S = {PATIENCE_S}\n"
        f"HostCaller({shop!r}, 20, 600, Path({str(tmp_path / 's')!r})).start()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == -9
    eventually(
        lambda: samples.read(tmp_path / "s"), lambda seen: seen.complete, within_s=PATIENCE_S, what="the end line"
    )


def test_a_pod_caller_is_detached_stopped_and_fetched(shop: str, tmp_path: Path) -> None:
    with in_pod(shop, 20, "caller-1") as caller, pytest.raises(Problem, match="no end line"):
        caller.fetch(tmp_path / "early")
    seen = samples.read(caller.fetch(tmp_path / "samples-us-east-1a.ndjson"))
    assert (seen.caller, seen.zone, seen.complete) == ("us-east-1a", "us-east-1a", True)
    assert not (tmp_path / "early").exists()
    assert not Path(caller._file).exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_samples_of_a_caller_whose_starter_was_killed_are_fetched_by_heal(
    shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(undo, "LAST_ANSWER_S", PATIENCE_S if number == signal.SIGTERM else 0)
    caller = in_pod(shop, 20, "caller-1")
    caller.caller, caller.run = f"orders-{number}", "a1"
    caller.start()
    asked = {"run": "a1", "callers": {caller.caller: "us-east-1a"}, "case": str(tmp_path)}
    out = tmp_path / f"samples-{caller.caller}.ndjson"
    eventually(
        lambda: Path(caller._file).read_text().count("due"), lambda n: n >= 5, within_s=PATIENCE_S, what="five samples"
    )
    os.kill(int(caller._pid), number)
    pods: Any = LocalPods("caller-1")
    assert list(undo.samples_left(pods, asked)) == [f"samples of {caller.caller} fetched"]
    assert samples.read(out).complete is (number == signal.SIGTERM)
    assert len(samples.read(out).samples) >= 5
    assert out.stat().st_mode & 0o777 == 0o600
    assert not Path(caller._file).exists()
    assert list(undo.samples_left(pods, asked)) == []  # what is in the record is not fetched twice


def test_samples_that_are_nowhere_and_a_record_that_is_gone_keep_nobody_from_healing(tmp_path: Path) -> None:
    nobody: Any = LocalPods()
    asked = {"run": "a1", "callers": {"never-started": "us-east-1a"}, "case": str(tmp_path)}
    assert "are lost" in next(undo.samples_left(nobody, asked))
    assert list(undo.samples_left(nobody, asked | {"case": str(tmp_path / "gone")})) == []
    one: Any = LocalPods("caller-1")
    assert list(undo.samples_left(one, asked)) == []


def test_a_pod_caller_that_cannot_begin_says_why() -> None:
    with pytest.raises(Problem, match="must be http"):
        in_pod("ftp://a/", 1, "caller-1").start()


@pytest.mark.parametrize("names", [(), ("caller-1", "caller-2")])
def test_a_pod_caller_needs_exactly_one_pod(names: tuple[str, ...]) -> None:
    with pytest.raises(Problem, match=f"expected one running pod app=caller-us-east-1a in callers, found {len(names)}"):
        in_pod("http://a/", 1, *names).start()


def test_locust_browses_and_orders_and_leaves_its_totals(server: Server, shop: str, tmp_path: Path) -> None:
    totals = Locust(30, 30, 4, shop, tmp_path).start().wait()
    assert totals == json.loads((tmp_path / "locust.json").read_text())
    assert (totals["requests"], totals["failures"]) == (len(server.asked), 0)
    assert len(server.asked) >= 30
    assert {"GET /browse", "POST /orders", "GET /orders/7"} <= set(server.asked)
    assert (tmp_path / "locust_stats.csv").exists()


def test_locusts_workers_count_together_and_leave_one_total(server: Server, shop: str, tmp_path: Path) -> None:
    totals = Locust(30, 30, 4, shop, tmp_path, workers=2).start().wait()
    assert (totals["requests"], totals["failures"]) == (len(server.asked), 0)
    assert len(server.asked) >= 30


def test_locusts_workers_end_with_whoever_started_them(server: Server, shop: str, tmp_path: Path) -> None:
    begun = Locust(10, 10, 600, shop, tmp_path, workers=2).start()
    eventually(lambda: len(server.asked), lambda asked: asked > 60, within_s=PATIENCE_S, what="sixty requests")
    totals = begun.stop()
    assert (totals["requests"], totals["failures"]) == (len(server.asked), 0)


def test_locust_that_cannot_begin_says_why(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="take one of steady, ramp, spike"):
        Locust(1, 1, 1, "http://a", tmp_path, shape="square").start()


def test_shapes_at_their_edges() -> None:
    assert [ramp(t, 100, 10) for t in (0, 45, 90, 100)] == [1, 5, 10, 10]
    assert [spike(t, 90, 5) for t in (0, 29.9, 30, 59.9, 60)] == [5, 5, 25, 25, 5]
    assert all(shape(0, float("inf"), 5) >= 1 for shape in SHAPES.values())
