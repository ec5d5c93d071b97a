"""Sends requests at a fixed rate, whatever the answers do, and writes one line for each.

Request i is due at start + i / rate. The schedule is absolute, so it never drifts, and no answer is waited for before
the next request leaves: a service that stalls for two seconds at 50 requests a second shows as a hundred slow samples,
not as one (a closed loop would hide the rest). Judge latency from `due`, the intended moment.

Connections are kept alive and there are as many as there are requests in flight. Choosing a replica for each *request*
is the business of the proxy next to the caller (its sidecar, or the ingress gateway). A request is never sent twice:
aiohttp would silently repeat a GET whose kept-alive connection broke, and the failure would be lost.

Each request says who it is: `x-experiment-run` and `x-experiment-request` (<caller>-<i>), which the mesh puts on its
spans. Its `x-request-id` is a UUID, because Envoy decides about sampling by the first eight digits of that header: if
they were the same for a whole run, all of its requests would be traced, or none.

The sample file is JSON lines: a header {"caller","zone","url","rate_hz","duration_s","timeout_s","run","anchor"}; for
each request, when it is over, {"i","due","sent","done","status","error"} (status 0: no complete answer) and perhaps
"answer", the field to keep; at last {"end","planned","sent"}. `planned` counts the requests due until the end (by
duration, SIGTERM, SIGINT, dropped leash). All times are CLOCK_MONOTONIC seconds. Without an end line it is incomplete.

One file, Python 3.11 and aiohttp only: it runs in the image `caller` as well as on the host.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import os
import signal
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from urllib.parse import urlsplit

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DURATION_S_MAX = 3600.0
RATE_HZ_MAX = 2000.0
TIMEOUT_S_MAX = 60.0
IN_FLIGHT_MAX = 900  # each may need a socket, and 1024 open files is a common limit
ERROR_CHARS_MAX = 200
LEAD_S = 0.05  # from opening the file to the first request


@dataclass(frozen=True, slots=True)
class Load:
    """What to send: `method` to `url`, `rate_hz` a second for `duration_s`, waiting `timeout_s` for each answer."""

    url: str
    rate_hz: float
    duration_s: float
    timeout_s: float
    method: str
    headers: dict[str, str]
    in_flight_max: int
    caller: str
    zone: str | None
    run: str
    body: str = ""
    keep: str = ""  # field of the JSON answer that goes into the sample

    @property
    def planned(self) -> int:
        """Requests due in [0, duration); at least one."""
        return max(1, math.ceil(round(self.rate_hz * self.duration_s, 6)))


class OpenLoop:
    """One load, from its first request to its end line."""

    def __init__(self, load: Load, session: aiohttp.ClientSession, out: TextIO) -> None:
        self.load, self._session, self._out = load, session, out
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._start = 0.0
        self._broken: BaseException | None = None
        self.planned = self.sent = self.failed = 0

    async def run(self) -> None:
        """Sends everything, or until `stop`; then waits for the answers and writes the end line.

        Raises:
            OSError: the sample file could not be written.
        """
        self._write(self._header())
        self._start = time.monotonic() + LEAD_S
        self._timer = self._loop.call_at(self._start, self._tick, 0)
        await self._over.wait()
        if self._in_flight:
            await asyncio.wait(self._in_flight)  # at most timeout_s
        if self._broken:
            raise self._broken
        self._write({"end": True, "planned": self.planned, "sent": self.sent})

    def stop(self) -> None:
        """Sends nothing more; `run` returns when the answers that are still out have come or timed out."""
        if self._over.is_set():
            return
        if self._timer:
            self._timer.cancel()
        due_by_now = math.floor((time.monotonic() - self._start) * self.load.rate_hz) + 1
        self.planned = min(self.load.planned, max(self.planned, due_by_now))
        self._over.set()

    def _tick(self, i: int) -> None:
        """Sends request i and sets the clock for the next; a late tick is followed at once by the ones it delayed."""
        due = self._start + i / self.load.rate_hz
        self.planned = i + 1
        if len(self._in_flight) < self.load.in_flight_max:
            task = self._loop.create_task(self._request(i, due))
            self._in_flight.add(task)
            task.add_done_callback(self._landed)
        else:
            self._record(i, due, time.monotonic(), 0, "too many in flight")
        if i + 1 == self.load.planned:
            self._over.set()
        else:
            self._timer = self._loop.call_at(self._start + (i + 1) / self.load.rate_hz, self._tick, i + 1)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled() and (error := task.exception()):  # only writing the sample can raise
            self._broken = self._broken or error
            self.stop()

    async def _request(self, i: int, due: float) -> None:
        self.sent += 1
        sent = time.monotonic()
        status, error, kept = 0, None, dict[str, str | None]()
        try:
            async with self._session.request(
                self.load.method,
                self.load.url,
                data=self.load.body or None,
                headers=self._marks(i),
                allow_redirects=False,
            ) as answer:
                kept = _kept(await answer.read(), self.load.keep)
                status = answer.status
        except TimeoutError:
            error = f"no complete answer within {self.load.timeout_s:g} s"
        except Exception as raised:  # noqa: BLE001 - whatever it is, the request leaves its sample
            error = f"{type(raised).__name__}: {raised}"[:ERROR_CHARS_MAX]
        self._record(i, due, sent, status, error, **kept)

    def _marks(self, i: int) -> dict[str, str]:
        run, request = self.load.run, f"{self.load.caller}-{i}"
        digest = hashlib.sha256(f"{run} {request}".encode()).digest()
        request_id = uuid.UUID(bytes=digest[:16], version=4)
        return {"x-request-id": str(request_id), "x-experiment-run": run, "x-experiment-request": request}

    def _record(self, i: int, due: float, sent: float, status: int, error: str | None, **kept: str | None) -> None:
        self.failed += status == 0 or status >= 500
        times = {"due": round(due, 6), "sent": round(sent, 6), "done": round(time.monotonic(), 6)}
        self._write({"i": i, **times, "status": status, "error": error, **kept})

    def _header(self) -> dict[str, object]:
        load = self.load
        rate = {"rate_hz": load.rate_hz, "duration_s": load.duration_s, "timeout_s": load.timeout_s}
        anchor = {"mono": time.monotonic(), "wall": time.time()}
        return {"caller": load.caller, "zone": load.zone, "url": load.url, **rate, "run": load.run, "anchor": anchor}

    def _write(self, line: dict[str, object]) -> None:
        self._out.write(json.dumps(line, separators=(",", ":")) + "\n")  # line buffered: readable while it runs


def _kept(body: bytes, name: str) -> dict[str, str | None]:
    try:
        found = json.loads(body).get(name) if name else None
    except (ValueError, AttributeError):  # not JSON, or not an object
        return {"answer": None}
    return {} if not name else {"answer": None if found is None else str(found)}


def _session(load: Load) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0)  # bounded by in_flight_max; aiohttp sets TCP_NODELAY itself
    as_json = {"content-type": "application/json"} if load.body else {}
    session = aiohttp.ClientSession(
        connector=connector,
        headers={"user-agent": "resilience-caller", **as_json, **load.headers},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=load.timeout_s, ceil_threshold=math.inf),  # else rounded up from 5 s on
        auto_decompress=False,
    )
    session._retry_connection = False  # noqa: SLF001 - there is no public switch; a unit test watches over it
    return session


def _stop_with_parent(call: OpenLoop) -> None:
    """Stops the load when standard input ends: its other end is held by whoever started us, however they die."""
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def readable() -> None:
        if not os.read(stdin, 4096):
            loop.remove_reader(stdin)
            call.stop()

    loop.add_reader(stdin, readable)


async def send(load: Load, out: Path, *, leash: bool = False) -> dict[str, object]:
    """Sends `load`, writing samples to `out`, a new file; returns the summary.

    Args:
        load: what to send.
        out: the sample file; must not exist, a record is never overwritten.
        leash: stop as well when standard input ends.
    """
    with out.open("x", buffering=1, encoding="utf-8") as file:
        async with _session(load) as session:
            call = OpenLoop(load, session, file)
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, call.stop)
            if leash:
                _stop_with_parent(call)
            await call.run()
    return {"out": str(out), "planned": call.planned, "sent": call.sent, "failed": call.failed}


def _between(low: float, high: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if not low < value <= high:  # NaN and infinity fall out here too
            raise argparse.ArgumentTypeError(f"must be more than {low:g} and at most {high:g}, not {text}")
        return value

    return number


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise argparse.ArgumentTypeError(f"must be http://host/… or https://host/…, not {text}")
    return text


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"must read 'name: value', not {text!r}")
    return name.strip(), value.strip()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="open_loop", description="Sends HTTP requests at a fixed rate.")
    parser.add_argument("--url", type=_url, required=True)
    parser.add_argument("--rate", type=_between(0, RATE_HZ_MAX), required=True, help="requests a second")
    parser.add_argument("--duration", type=_between(0, DURATION_S_MAX), required=True, help="seconds; a load must end")
    parser.add_argument("--out", type=Path, required=True, help="sample file to write; must not exist")
    parser.add_argument("--timeout", type=_between(0, TIMEOUT_S_MAX), default=3.0, help="seconds for a whole answer")
    parser.add_argument("--method", default="GET", type=str.upper)
    parser.add_argument("--body", default="", help="JSON to send")
    parser.add_argument("--keep", default="", help="field of the JSON answer to keep in the sample")
    parser.add_argument("--header", type=_header, action="append", default=[], help="'name: value', repeatable")
    parser.add_argument("--max-in-flight", type=int, default=IN_FLIGHT_MAX, choices=range(1, IN_FLIGHT_MAX + 1))
    parser.add_argument("--caller", default="gateway", help="name of this caller in the record")
    parser.add_argument("--zone", default=None, help="zone it calls from; none outside the cluster")
    parser.add_argument("--run", default="", help="x-experiment-run of each request; random if not given")
    parser.add_argument("--leash", action="store_true", help="stop when standard input ends")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; prints one line of JSON, the summary. Exit code 2 for bad arguments, 1 if the file failed."""
    asked = _arguments(argv)
    load = Load(
        url=asked.url,
        rate_hz=asked.rate,
        duration_s=asked.duration,
        timeout_s=asked.timeout,
        method=asked.method,
        headers=dict(asked.header),
        in_flight_max=asked.max_in_flight,
        caller=asked.caller,
        zone=asked.zone,
        run=asked.run or uuid.uuid4().hex[:12],
        body=asked.body,
        keep=asked.keep,
    )
    try:
        summary = asyncio.run(send(load, asked.out, leash=asked.leash))
    except OSError as error:
        print(f"open_loop: cannot write {asked.out}: {error.strerror or error}", file=sys.stderr)
        return 1
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    sys.exit(main())
