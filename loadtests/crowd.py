"""Locust's users, in a child process."""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from deploy.errors import Problem
from deploy.files import replace_text
from deploy.paths import ROOT
from loadtests.child import Child
from loadtests.shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

STOP_S = 5  # for tasks that are under way when the users are told to stop
GRACE_S = 20.0  # Locust's start and end, on a machine under load


@dataclass
class Locust:
    """Users who browse and order, in a child process (importing Locust patches a process beyond repair).

    Writes locust.json (totals), locust_stats*.csv and locust.log into the folder `out`. Their response times are
    rounded and closed-loop: they show load, while outage and latency figures come from the open-loop callers.
    With more than one of `workers` the users are spread over that many processes.
    """

    users: int
    spawn_rate: float
    duration_s: float
    host: str
    out: Path
    shape: str = "steady"
    workers: int = 1
    _child: Child | None = field(default=None, init=False, repr=False)

    def start(self) -> Self:
        """Starts the users and does not wait for them.

        Raises:
            Problem: there is no such shape.
        """
        if self.shape not in SHAPES:
            raise Problem(f"there is no shape {self.shape}", fix=f"take one of {', '.join(SHAPES)}")
        out = self.out.resolve()
        argv = [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtests" / "locustfile.py"), "--headless"]
        argv += ["--host", self.host, "--users", f"{self.users}", "--spawn-rate", f"{self.spawn_rate:g}"]
        argv += ["--run-time", f"{max(1, round(self.duration_s))}s", "--shape", self.shape]
        argv += ["--json-file", str(out / "locust-raw"), "--csv", str(out / "locust"), "--exit-code-on-error", "0"]
        argv += ["--stop-timeout", f"{STOP_S}", "--only-summary", "--loglevel", "WARNING"]
        argv += ["--logfile", str(out / "locust.log"), *_spread(self.workers)]
        ours = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
        self._child = Child(argv, {**ours, "RESILIENCE_LEASH": "1"})
        return self

    def wait(self) -> dict[str, float]:
        """Waits for the whole duration; returns what `stop` returns."""
        if self._child:
            self._child.wait(self.duration_s + GRACE_S)
        return self.stop()

    def stop(self) -> dict[str, float]:
        """Ends the users; returns {"requests", "failures", "rps", "duration_s"}, which locust.json holds too.

        Raises:
            Problem: Locust did not leave its figures.
        """
        child, self._child = self._child, None
        if child:
            child.stop(GRACE_S)
            raw = self.out / "locust-raw.json"
            if child.exit_code or not raw.exists():
                raise Problem(f"locust ended with exit code {child.exit_code}", why=child.said())
            totals = json.dumps(_totals(json.loads(raw.read_text())))
            replace_text(self.out / "locust.json", f"{totals}\n", mode=0o600)
            raw.unlink()
        return dict(json.loads((self.out / "locust.json").read_text()))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _spread(workers: int) -> list[str]:
    """Arguments for a master with so many workers, who find each other where nobody else listens."""
    if workers == 1:
        return []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    here = ["--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port]
    return ["--processes", f"{workers}", *here]


def _totals(entries: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    requests = sum(entry["num_requests"] for entry in entries)
    begin = min((entry["start_time"] for entry in entries), default=0.0)
    end = max((entry["last_request_timestamp"] or begin for entry in entries), default=0.0)
    return {
        "requests": requests,
        "failures": sum(entry["num_failures"] for entry in entries),
        "duration_s": round(end - begin, 3),
        "rps": round(requests / (end - begin), 3) if end > begin else 0.0,
    }
