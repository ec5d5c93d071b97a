"""The program that runs in a caller's pod and asks one request after the other: a server fails on order."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from experiments.probes.client import SCRIPT


@contextmanager
def serving(*statuses: int) -> Iterator[int]:
    """Answers with these statuses in turn, and 200 when they are over; says who it is unless it answers 503."""
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = left.pop(0) if left else 200
            self.send_response(status)
            if status != 503:
                self.send_header("x-served-by", "app-0")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


def ask(port: int, count: int, errors: int = 0) -> Any:
    asked = {"host": "127.0.0.1", "port": port, "path": "/", "count": count, "errors": errors, "timeout_s": 60}
    argv = [sys.executable, "-c", SCRIPT.read_text(), json.dumps(asked)]
    return json.loads(subprocess.run(argv, capture_output=True, text=True, check=True, timeout=600).stdout)


@pytest.mark.parametrize(
    ("statuses", "count", "errors", "served", "failed"),
    [
        ((200, 500, 200, 500, 500), 20, 2, {"app-0": 2}, {"app-0": 2}),  # it stops at the second error
        ((500, 500), 5, 0, {"app-0": 3}, {"app-0": 2}),  # however many there are
        ((500,), 4, 2, {"app-0": 3}, {"app-0": 1}),  # too few of them
        ((404, 503), 3, 2, {"app-0": 2}, {"": 1}),  # 4xx is an answer; nobody says that it was his
    ],
)
def test_it_ends_at_so_many_errors_or_requests(
    statuses: tuple[int, ...], count: int, errors: int, served: Any, failed: Any
) -> None:
    with serving(*statuses) as port:
        told = ask(port, count, errors)
    assert (told["served"], told["errors"]) == (served, failed)
    assert told["lo"] < told["hi"]


def test_no_answer_is_an_error_of_nobody() -> None:
    with serving() as port:
        pass
    assert ask(port, 2)["errors"] == {"": 2}
