"""An external host, played in the cluster by a pod outside the mesh: speaks TLS under any name, and tells who came.

argv: the port. `GET /<mark>` is answered {"host", "name"}: the pod, and the name in the TLS handshake. `GET
/seen/<mark>` tells who asked for that mark, as {"<address> <name>": how often}. Standard library and OpenSSL only.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from collections import Counter, OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SILENCE_S = 10.0
MARKS_MAX = 100


class Server(ThreadingHTTPServer):
    """Shakes hands in the thread of each connection, so that a silent one keeps nobody waiting."""

    daemon_threads = True

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__(("", port), Handler)
        self.seen: OrderedDict[str, Counter[str]] = OrderedDict()
        self.context = context
        context.sni_callback = _remember

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serves one connection."""
        request.settimeout(SILENCE_S)
        with self.context.wrap_socket(request, server_side=True) as channel:
            super().finish_request(channel, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a handshake or a connection that broke."""

    def saw(self, mark: str, who: str) -> None:
        """Counts one request; the oldest marks are forgotten."""
        self.seen.setdefault(mark, Counter())[who] += 1
        while len(self.seen) > MARKS_MAX:
            self.seen.popitem(last=False)


class Handler(BaseHTTPRequestHandler):
    """Answers under the name that the client asked for."""

    server: Server

    def do_GET(self) -> None:
        """Answers, or tells who was answered."""
        name = str(getattr(self.connection, "asked_name", ""))
        told, _, mark = self.path[1:].rpartition("/")
        if told == "seen":
            self._answer(dict(self.server.seen.get(mark, {})))
        else:
            self.server.saw(mark, f"{self.client_address[0]} {name}")
            self._answer({"host": socket.gethostname(), "name": name})

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _answer(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _remember(channel: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    channel.asked_name = name or ""  # type: ignore[union-attr]


def context() -> ssl.SSLContext:
    """Returns TLS with a certificate that is made now: nobody compares it."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    with TemporaryDirectory() as folder:
        key, certificate = Path(folder) / "key.pem", Path(folder) / "cert.pem"
        options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=payments.example.com"]
        subprocess.run(
            ["openssl", "req", *options, "-keyout", key, "-out", certificate], check=True, capture_output=True
        )
        made.load_cert_chain(certificate, key)
    return made


if __name__ == "__main__":
    with Server(int(sys.argv[1]), context()) as server:
        server.serve_forever()
