"""The open-loop caller against a real server in the same event loop, which stalls and breaks exactly as told.

Time passes only while the loop has nothing to do: what a busy machine withholds is no part of it.
"""

import asyncio
import contextlib
import json
import re
import selectors
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loadtests import open_loop, samples
from loadtests.open_loop import Load

AGO_S = 1e9  # from the clock that the loop goes by to the time of day


class Idle(selectors.DefaultSelector):
    """Does not wait for its time to be over, but moves the clock; what has arrived comes first."""

    now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(timeout if timeout is None else min(timeout, 0.005))
        if not found and timeout:
            self.now_s += timeout
        return found


class Loop(asyncio.SelectorEventLoop):
    """Goes by that clock."""

    def __init__(self) -> None:
        self.clock = Idle()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now_s


def now_s() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture(autouse=True)
def same_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the caller go by the loop's clock too."""
    monkeypatch.setattr(open_loop, "time", SimpleNamespace(monotonic=now_s, time=lambda: now_s() + AGO_S))


def run[T](story: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(story, loop_factory=Loop)


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Stub:
    """A keep-alive HTTP server; `answer(n)` returns the bytes for the n-th request, None to hang up."""

    def __init__(self, answer: Callable[[int], Awaitable[bytes | None]]) -> None:
        self.answer, self.connections = answer, 0
        self.heads: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
                if (answer := await self.answer(len(self.heads) - 1)) is None:
                    return
                writer.write(answer)
                await writer.drain()


def always(answer: bytes | None) -> Callable[[int], Awaitable[bytes | None]]:
    async def reply(_: int) -> bytes | None:
        return answer

    return reply


def make(url: str, rate_hz: float, duration_s: float, **other: Any) -> Load:
    usual: dict[str, Any] = {
        "timeout_s": 1.0,
        "method": "GET",
        "headers": {},
        "in_flight_max": 900,
        "caller": "gateway",
        "zone": None,
    }
    return Load(url=url, rate_hz=rate_hz, duration_s=duration_s, **{"run": "r", **usual, **other})


def call(
    stub: Stub, out: Path, rate_hz: float, duration_s: float, disturb: Callable[[], None] = lambda: None, **other: Any
) -> tuple[dict[str, object], samples.Recording]:
    """Runs one load against the stub; `disturb` is called as the load begins."""

    async def scenario() -> dict[str, object]:
        server = await asyncio.start_server(stub, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            asyncio.get_running_loop().call_soon(disturb)
            summary = await open_loop.send(make(f"http://127.0.0.1:{port}/", rate_hz, duration_s, **other), out)
            server.close()
        return summary

    return run(scenario()), samples.read(out)


def test_a_stalled_server_does_not_slow_the_schedule_and_shows_in_every_sample_it_delays(tmp_path: Path) -> None:
    resumes = 0.0

    async def stall(n: int) -> bytes:
        nonlocal resumes
        if n == 5:
            resumes = now_s() + 2.0
        await asyncio.sleep(resumes - now_s())
        return OK

    summary, seen = call(Stub(stall), tmp_path / "s", 50, 2.2, timeout_s=3.0)
    assert summary["planned"] == summary["sent"] == len(seen.samples) == 110
    assert [s.i for s in seen.samples] == list(range(110))
    gaps = [b.due - a.due for a, b in zip(seen.samples, seen.samples[1:], strict=False)]
    assert all(gap == pytest.approx(0.02, abs=1e-5) for gap in gaps)
    assert samples.schedule_lag_p99_s(seen.samples) < 0.1
    delayed = [s for s in seen.samples[5:] if s.due < resumes - 0.05]
    assert len(delayed) > 90
    assert all(s.done > resumes - 1e-5 and s.latency_s == pytest.approx(resumes - s.due, abs=0.1) for s in delayed)
    assert samples.longest_gap_s(seen.samples) == pytest.approx(2.0, abs=0.1)
    assert samples.success_ratio(seen.samples) == 1


def test_a_starved_caller_says_so_and_skips_nothing(tmp_path: Path) -> None:
    def starve() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        loop.clock.now_s += 0.3  # in which it got no turn

    _, seen = call(Stub(always(OK)), tmp_path / "s", 50, 0.5, disturb=starve)
    assert len(seen.samples) == 25
    assert samples.schedule_lag_p99_s(seen.samples) > 0.15
    assert seen.samples[-1].sent - seen.samples[-1].due < 0.01  # it has caught up: the schedule does not drift
    assert seen.samples[-1].due - seen.samples[0].due == pytest.approx(0.48, abs=1e-5)


def test_a_request_that_hits_the_bound_is_recorded_as_not_sent(tmp_path: Path) -> None:
    async def never(_: int) -> bytes:
        await asyncio.sleep(0.45)
        return OK

    summary, seen = call(Stub(never), tmp_path / "s", 50, 0.4, in_flight_max=5)
    refused = [s for s in seen.samples if s.error == "too many in flight"]
    assert (seen.planned, seen.sent, len(refused)) == (20, 5, 15)
    assert all(s.status == 0 for s in refused)
    assert summary["failed"] == 15


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (None, 0, "ServerDisconnectedError"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", 0, "no complete answer within 0.2 s"),
        (b"nonsense\r\n\r\n", 0, "Expected HTTP/"),
        (b"HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n", 503, None),
        (b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", 302, None),
    ],
)
def test_each_kind_of_bad_answer_leaves_its_sample(
    tmp_path: Path, answer: bytes | None, status: int, error: str | None
) -> None:
    _, seen = call(Stub(always(answer)), tmp_path / "s", 20, 0.1, timeout_s=0.2)
    assert [s.status for s in seen.samples] == [status] * 2
    assert all((s.error is None) if error is None else (error in (s.error or "")) for s in seen.samples)


def test_a_refused_connection_is_status_0(tmp_path: Path) -> None:
    run(open_loop.send(make("http://127.0.0.1:9/", 20, 0.1), tmp_path / "s"))
    seen = samples.read(tmp_path / "s")
    assert [s.status for s in seen.samples] == [0, 0]
    assert "ClientConnectorError" in (seen.samples[0].error or "")


def test_a_request_is_never_repeated_when_its_kept_connection_breaks(tmp_path: Path) -> None:
    async def second_breaks(n: int) -> bytes | None:
        return None if n == 1 else OK

    stub = Stub(second_breaks)
    _, seen = call(stub, tmp_path / "s", 5, 0.8)  # far enough apart that each is answered before the next
    assert [s.status for s in seen.samples] == [200, 0, 200, 200]
    assert len(stub.heads) == 4


def test_connections_are_kept_and_requests_carry_their_number_and_the_headers(tmp_path: Path) -> None:
    stub = Stub(always(OK))
    call(stub, tmp_path / "s", 5, 0.8, headers={"x-tier": "api"}, method="DELETE", run="night7", caller="orders")
    assert stub.connections == 1
    assert [f"x-experiment-request: orders-{i}\r" in head.lower() for i, head in enumerate(stub.heads)] == [True] * 4
    assert all("x-experiment-run: night7" in head.lower() for head in stub.heads)
    assert all("x-tier: api" in head.lower() and head.startswith("DELETE ") for head in stub.heads)


def test_request_ids_differ_where_envoy_looks_to_sample(tmp_path: Path) -> None:
    stub = Stub(always(OK))
    call(stub, tmp_path / "s", 50, 0.4, run="night7")
    ids = [re.search(r"x-request-id: (\S+)", head.lower()) for head in stub.heads]
    assert {str(uuid.UUID(found[1], version=4)) == found[1] for found in ids if found} == {True}
    assert len({found[1][:8] for found in ids if found}) == 20


def test_the_header_line_tells_what_was_asked_and_anchors_the_clock(tmp_path: Path) -> None:
    call(Stub(always(OK)), tmp_path / "s", 20, 0.1, zone="us-east-1a")
    head = json.loads((tmp_path / "s").read_text().splitlines()[0])
    assert (head["caller"], head["zone"], head["rate_hz"], head["duration_s"]) == ("gateway", "us-east-1a", 20, 0.1)
    assert head["timeout_s"] == 1.0
    assert head["anchor"]["wall"] - head["anchor"]["mono"] == AGO_S


def test_a_full_disk_ends_the_load_with_its_reason() -> None:
    class Full:
        lines = 0

        def write(self, _: str) -> None:
            self.lines += 1
            if self.lines > 2:
                raise OSError(28, "No space left on device")

    async def scenario() -> None:
        load = make("http://127.0.0.1:9/", 50, 60)
        async with open_loop._session(load) as session:
            full: Any = Full()
            await open_loop.OpenLoop(load, session, full).run()

    with pytest.raises(OSError, match="No space left"):
        run(scenario())


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--url", "file:///etc/passwd", "must be http"),
        ("--url", "http://", "must be http"),
        ("--rate", "0", "must be more than 0 and at most 2000"),
        ("--rate", "nan", "must be more than 0"),
        ("--duration", "3601", "must be more than 0 and at most 3600"),
        ("--duration", "inf", "at most 3600"),
        ("--timeout", "-1", "must be more than 0"),
        ("--header", "nocolon", "must read 'name: value'"),
        ("--max-in-flight", "0", "invalid choice"),
    ],
)
def test_bad_arguments_are_named(
    option: str, value: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {"--url": "http://a/", "--rate": "1", "--duration": "1", "--out": str(tmp_path / "s")}
    argv = [word for pair in {**good, option: value}.items() for word in pair]
    with pytest.raises(SystemExit) as stopped:
        open_loop.main(argv)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_the_duration_must_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        open_loop.main(["--url", "http://a/", "--rate", "1", "--out", "s"])
    assert "--duration" in capsys.readouterr().err


def test_a_record_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s").write_text("kept")
    argv = ["--url", "http://127.0.0.1:9/", "--rate", "1", "--duration", "1", "--out", str(tmp_path / "s")]
    assert open_loop.main(argv) == 1
    assert "File exists" in capsys.readouterr().err
    assert (tmp_path / "s").read_text() == "kept"
