"""`locust -f loadtests/locustfile.py --host http://127.0.0.1:8080 --users 5 --run-time 60s --shape ramp`.

Over several processes with `--processes 2`, over several machines with `--master` on one and `--worker --master-host …`
on the others.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
from gevent.socket import wait_read
from locust import LoadTestShape, events
from locust.runners import WorkerRunner

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Locust loads this file from anywhere

from loadtests.shapes import SHAPES
from loadtests.users import Shopper

if TYPE_CHECKING:
    from locust.argument_parser import LocustArgumentParser
    from locust.env import Environment
    from locust.runners import Runner

__all__ = ["Shape", "Shopper"]


def _options(parser: LocustArgumentParser, **_: Any) -> None:
    parser.add_argument("--shape", choices=sorted(SHAPES), default="steady", help="users over time")


def _under_the_suite(environment: Environment, runner: Runner, **_: Any) -> None:
    """Ends the run when standard input does, if the suite started us (loadtests/child.py)."""

    def hold() -> None:
        stdin = sys.stdin.fileno()
        wait_read(stdin)
        while os.read(stdin, 4096):
            wait_read(stdin)
        runner.stop()
        runner.quit()

    if isinstance(runner, WorkerRunner):  # ends with its master, whose totals it would replace by its own
        environment.parsed_options.json_file = None  # type: ignore[union-attr]
        # It reports every 3 s, and its master goes without waiting for the last ones.
        environment.events.test_stop.add_listener(lambda **_: runner._send_stats())  # type: ignore[no-untyped-call]  # noqa: SLF001
    elif os.environ.get("RESILIENCE_LEASH"):
        gevent.spawn(hold)


events.init_command_line_parser.add_listener(_options)  # type: ignore[no-untyped-call]
events.init.add_listener(_under_the_suite)  # type: ignore[no-untyped-call]


class Shape(LoadTestShape):
    """Users over time as --shape says, within --users, --spawn-rate and --run-time.

    At the end the users are stopped before Locust quits: a master that quits gives its workers half a second to report.
    """

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """Users and spawn rate for now; None at the end of the run time."""
        runner = self.runner
        options: Any = runner.environment.parsed_options if runner else None
        elapsed_s = time.perf_counter() - self.start_time
        duration_s = options.run_time or float("inf")
        if elapsed_s >= duration_s:
            if runner:
                runner.stop()
            return None
        return SHAPES[options.shape](elapsed_s, duration_s, options.num_users or 5), options.spawn_rate or 1.0
