"""The host that plays an external one, and the script that calls it: what is answered, closed and silent."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from deploy.paths import ROOT
from deploy.workloads.outside import payments

SCRIPT = ROOT / "experiments" / "inside" / "tls_call.py"


@pytest.fixture(scope="module")
def host() -> Iterator[payments.Server]:
    if not shutil.which("openssl"):
        pytest.fail("openssl makes the certificate, and is not there: apt-get install openssl", pytrace=False)
    with payments.Server(0, payments.context()) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


def call(*asked: dict[str, Any], timeout_s: float = 20) -> list[dict[str, Any]]:
    calls = [{"ip": "127.0.0.1", "name": "payments.example.com", "path": "/m", **each} for each in asked]
    argv = [sys.executable, str(SCRIPT), json.dumps({"calls": calls, "timeout_s": timeout_s})]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    return list(json.loads(done.stdout))


def test_the_host_tells_who_came_under_which_name(host: payments.Server) -> None:
    port = host.server_port
    path = {"port": port, "path": "/mark"}
    first, second, _, seen = call(path, {**path, "name": "elsewhere.example.com"}, path, {**path, "path": "/seen/mark"})
    assert [each["outcome"] for each in (first, second, seen)] == ["answered"] * 3
    assert json.loads(first["body"]) == {"host": socket.gethostname(), "name": "payments.example.com"}
    assert json.loads(second["body"])["name"] == "elsewhere.example.com"
    expected = {"127.0.0.1 payments.example.com": 2, "127.0.0.1 elsewhere.example.com": 1}
    assert json.loads(seen["body"]) == expected
    (other,) = call({**path, "path": "/seen/another"})
    assert json.loads(other["body"]) == {}


def test_a_silent_connection_keeps_nobody_waiting(host: payments.Server) -> None:
    with socket.create_connection(("127.0.0.1", host.server_port)):
        assert call({"port": host.server_port})[0]["outcome"] == "answered"


def test_old_marks_are_forgotten(host: payments.Server) -> None:
    for number in range(payments.MARKS_MAX + 5):
        host.saw(f"old-{number}", "somebody")
    assert len(host.seen) == payments.MARKS_MAX
    assert "old-0" not in host.seen


@contextmanager
def behaving(act: Any) -> Iterator[int]:
    """Takes connections and does something to each."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            act(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def test_a_connection_that_is_taken_and_closed_is_what_a_proxy_does() -> None:
    with behaving(lambda connection: connection.close()) as port:
        assert call({"port": port})[0]["outcome"] == "closed"


def test_a_connection_that_is_taken_and_held_is_silent() -> None:
    held: list[socket.socket] = []
    with behaving(held.append) as port:
        assert call({"port": port}, timeout_s=0.5)[0]["outcome"] == "silent"


def test_a_host_that_is_not_there_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (answer,) = call({"port": port})
    assert (answer["outcome"], "no connection" in answer["body"]) == ("silent", True)


def test_a_host_that_speaks_no_tls_is_silent() -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(600)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    with behaving(answer) as port:
        assert call({"port": port})[0]["outcome"] == "silent"
