"""python -m loadtests.bench: are the callers' figures right? Measured on a server whose latency is known (known.py).

Prints the 99th percentile of the open-loop caller, of Locust's users in one process and in two, each beside what the
server itself held its requests for; and what the open-loop caller makes of a server that stalls, beside what theory
says of a schedule that does not wait. Exit code 0 if all are within their bounds, 1 if one is not: on a busy machine it
is the machine that is measured.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import Problem
from deploy.paths import ROOT
from deploy.waiting import eventually
from loadtests.run import HostCaller, Locust
from loadtests.samples import Sample, longest_gap_s, percentile, read

LATENCY_S = 0.02  # Locust rounds to whole milliseconds below 100 ms, and to tens above
RATE_HZ, USERS = 100.0, 60
ERROR_S_MAX = 0.0005
STALL_S, STALL_ERROR_MAX = 2.0, 0.05


@dataclass(frozen=True, slots=True)
class Figure:
    """One line: what was measured, what is true, and by how much they may differ."""

    of: str
    measured: float
    truth: float
    allowed: float
    unit: str

    @property
    def good(self) -> bool:
        """Near enough."""
        return abs(self.measured - self.truth) <= self.allowed

    def __str__(self) -> str:
        judged = "" if self.good else "  NOT WITHIN ITS BOUND"
        error = f"{self.measured - self.truth:+.2f} (allowed {self.allowed:.2f})"
        return f"{self.of:<42}{self.measured:>9.2f} {self.unit:<3}{self.truth:>9.2f} {self.unit:<3}{error:>24}{judged}"


def p99(of: str, measured_s: Sequence[float], held_s: Sequence[float]) -> Figure:
    """Compares 99th percentiles, in ms."""
    return Figure(of, 1000 * percentile(measured_s, 99), 1000 * percentile(held_s, 99), 1000 * ERROR_S_MAX, "ms")


def stalled(samples: Sequence[Sample], rate_hz: float, stall_s: float, latency_s: float) -> list[Figure]:
    """What a stall of a server must look like to a caller that goes on: r*S requests wait, for S/2 on average."""
    waited = [sample.latency_s - latency_s for sample in samples]
    theory = rate_hz * stall_s**2 / 2
    bound = STALL_ERROR_MAX
    return [
        Figure("stall: longest gap between answers", longest_gap_s(samples), stall_s, bound * stall_s, "s"),
        Figure("stall: waiting of all requests together", sum(waited), theory, bound * theory, "s"),
    ]


def main() -> int:
    """Returns 0 when every figure is within its bound, 1 when one is not."""
    print(f"{'figure':<42}{'measured':>13}{'true':>13}{'difference':>24}")
    with tempfile.TemporaryDirectory() as folder, known_server() as url:
        figures = list(_shown(_figures(url, Path(folder), seconds=20)))
    return 0 if all(figure.good for figure in figures) else 1


def _shown(figures: Iterator[Figure]) -> Iterator[Figure]:
    for figure in figures:
        print(figure, flush=True)
        yield figure


def _figures(url: str, folder: Path, seconds: float) -> Iterator[Figure]:
    out = folder / "samples-steady.ndjson"
    with HostCaller(url + "/browse", RATE_HZ, seconds, out) as caller:
        caller.wait()
    yield p99("open-loop caller, p99", [sample.done - sample.sent for sample in read(out).samples], truth(url))
    for workers, where in ((1, "one process"), (2, "two processes")):
        there = folder / str(workers)
        there.mkdir()
        Locust(USERS, USERS, seconds, url, there, workers=workers).start().wait()
        yield p99(f"Locust's users, {where}, p99", [_locust_p99_s(there)], truth(url))
    out = folder / "samples-stall.ndjson"
    with HostCaller(url + "/browse", RATE_HZ, 4 * STALL_S, out) as caller:
        eventually(lambda: read(out).samples, lambda seen: len(seen) > RATE_HZ, within_s=30, what="a second of samples")
        ask(f"{url}/stall?{STALL_S:g}")
        caller.wait()
    yield from stalled(read(out).samples, RATE_HZ, STALL_S, LATENCY_S)


@contextmanager
def known_server(latency_s: float = LATENCY_S) -> Iterator[str]:
    """A server of known latency in a process of its own, for the time of the block; gives its URL."""
    argv = [sys.executable, "-P", str(ROOT / "loadtests" / "known.py"), f"{latency_s:g}"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            if not port:
                raise Problem("the server of known latency did not start", fix=f"run {' '.join(argv)}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()


def truth(url: str) -> list[float]:
    """How long the server held each request since the last time it was asked, seconds."""
    return [float(held_s) for held_s in json.loads(ask(f"{url}/truth"))]


def ask(url: str) -> bytes:
    """Asks the server of known latency."""
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own server
        return bytes(answer.read())


def _locust_p99_s(folder: Path) -> float:
    with (folder / "locust_stats.csv").open() as file:
        (whole,) = [row for row in csv.DictReader(file) if row["Name"] == "Aggregated"]
    return float(whole["99%"]) / 1000


if __name__ == "__main__":
    sys.exit(main())
