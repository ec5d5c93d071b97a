"""The loop that asks a proxy, run by a real bash: its answers, its silence, and its leash. Envoy is a server here."""

import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from experiments.watch import counters, ejection
from experiments.watch.proxy import SCRIPT

CLUSTERS = (
    "outbound|8080||app.shop.svc.cluster.local::10.244.1.5:8080::health_flags::/failed_outlier_check\n"
    "outbound|8080||app.shop.svc.cluster.local::10.244.1.6:8080::health_flags::healthy\n"
)
STATS = "cluster.outbound|8080||app.shop.svc.cluster.local;.upstream_rq_retry: 5\nupstream_rq_5xx: 9\n"


class Admin(BaseHTTPRequestHandler):
    """Envoy's admin port."""

    def do_GET(self) -> None:
        """Answers as Envoy does."""
        text = CLUSTERS if self.path == "/clusters" else STATS if self.path == "/stats?filter=a|b" else ""
        self.send_response(200 if text else 503)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Admin) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def polled(port: int, path: str, wanted: str, until: str) -> str:
    """The first line that the loop prints; then its leash is let go, and it must end."""
    script = SCRIPT.read_text().replace("15000", str(port))
    argv = ["bash", "-c", script, "proxy", path, wanted, until, "30"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as loop:
        assert loop.stdin
        assert loop.stdout
        line = loop.stdout.readline().decode()
        loop.stdin.close()
        assert loop.wait(timeout=60) == 0
        return line


def test_hosts_that_are_out_are_told_by_name(port: int) -> None:
    line = polled(port, "/clusters", "^outbound|[0-9]*|[^|]*|app.*failed_outlier_check", "::health_flags")
    assert ejection.parse(line).hosts == frozenset({"10.244.1.5:8080"})


def test_statistics_are_told_without_blanks_and_headers(port: int) -> None:
    assert counters.parse(polled(port, "/stats?filter=a|b", counters.WANTED, "\r")).counts == {"upstream_rq_retry": 5}


@pytest.mark.parametrize(("path", "listens"), [("/other", True), ("/clusters", False)], ids=["error", "nobody"])
def test_no_answer_is_no_clear_poll(port: int, path: str, listens: Any) -> None:
    line = polled(port if listens else 1, path, "x", "\r")
    assert ejection.parse(line).hosts is None
    assert counters.parse(line).counts is None
