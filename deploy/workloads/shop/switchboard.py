"""The fault switch on its own port and in its own threads: it answers while the business server hangs.

POST /fault {"kind", "value", "for_s"} sets, DELETE /fault heals, GET /fault tells; see faults.VALUES for the kinds.
"""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from . import strain
from .faults import BadFault, Fault, FaultSwitch

BODY_BYTES_MAX = 4096
POLL_S = 0.2  # how soon it notices that it should end


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # header and body leave in one segment
    disable_nagle_algorithm = True
    switch: FaultSwitch  # set by the subclass that `start` makes

    def do_GET(self) -> None:
        if self._is_ours():
            self._answer(HTTPStatus.OK, self.switch.state())

    def do_DELETE(self) -> None:
        if self._is_ours():
            self.switch.clear()
            self._answer(HTTPStatus.OK, self.switch.state())

    def do_POST(self) -> None:
        if not self._is_ours():
            return
        try:
            active = self.switch.set(Fault.parse(self._body()))
        except BadFault as bad:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": str(bad)})
            return
        strain.start(active)
        self._answer(HTTPStatus.OK, self.switch.state())

    def _is_ours(self) -> bool:
        if self.path != "/fault":
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"{self.path} is not here: use /fault"})
        return self.path == "/fault"

    def _body(self) -> object:
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            self.close_connection = True  # the body stays unread
            raise BadFault(f"send a JSON body of at most {BODY_BYTES_MAX} bytes with its content-length")
        try:
            return json.loads(self.rfile.read(int(length)))
        except ValueError as error:
            raise BadFault(
                f'the body is not JSON ({error}): send an object such as {{"kind": "delay", "value": 2, "for_s": 60}}'
            ) from error

    def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Keeps quiet: the injector records what it did."""


def start(switch: FaultSwitch, host: str, port: int) -> ThreadingHTTPServer:
    """Serves the switch in a background thread; `shutdown` and `server_close` end it."""
    handler = type("Handler", (_Handler,), {"switch": switch})
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(POLL_S,), name="switchboard", daemon=True).start()
    return server
