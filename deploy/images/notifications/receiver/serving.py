"""The place where notifications arrive, so that none has to leave the machine, and a test can see that they did.

It speaks Slack's incoming webhook (POST /services/…), PagerDuty's Events API v2 (POST /v2/enqueue) and SMTP (2525),
keeps the last notifications in memory and tells them: GET /received?after=<seconds of CLOCK_MONOTONIC>. Pods of one
machine share that clock with everybody who measures.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .messages import Message, Refused, mail, pagerduty, slack

KEPT = 1000
BYTES_MAX = 256 * 1024
SLACK = re.compile(r"^/(slack|services/.+)$")
PAGERDUTY = re.compile(r"^/(pagerduty|(pagerduty/)?v2/enqueue)$")


class Inbox:
    """The last notifications, each with the moment at which it was there; safe to use from any thread."""

    def __init__(self, kept: int = KEPT, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept: deque[dict[str, Any]] = deque(maxlen=kept)
        self._clock, self._lock = clock, threading.Lock()

    def put(self, message: Message) -> None:
        """Keeps a notification; the oldest makes room."""
        with self._lock:
            self._kept.append({"at": self._clock(), **asdict(message)})

    def since(self, after: float) -> list[dict[str, Any]]:
        """Returns what came after a moment, oldest first."""
        with self._lock:
            return [each for each in self._kept if each["at"] > after]


class Mailbox:
    """What aiosmtpd hands each mail to."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd calls it so
        """Takes one mail and returns the answer of SMTP."""
        try:
            self.inbox.put(mail(envelope.content))
        except Refused as refused:
            return f"550 {refused}"
        return "250 OK"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60  # a connection that nobody uses is not kept for ever
    wbufsize = -1  # header and body leave in one segment
    inbox: Inbox  # set by the subclass that `serve` makes

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path == "/healthz":
            self._answer(HTTPStatus.OK, {"status": "ok"})
        elif asked.path == "/received":
            self._received(parse_qs(asked.query).get("after", ["-inf"])[-1])
        else:
            self._nowhere()

    def _received(self, after: str) -> None:
        try:
            self._answer(HTTPStatus.OK, self.inbox.since(float(after)))
        except ValueError:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": f"after is {after!r}: send seconds, such as 123.4"})

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        try:
            body = self._body()
        except OverflowError:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": f"send at most {BYTES_MAX} bytes"})
            return
        except (ValueError, RecursionError):
            body = None  # each service has its own word for what is no JSON
        if SLACK.match(path):
            self._slack(body)
        elif PAGERDUTY.match(path):
            self._pagerduty(body)
        else:
            self._nowhere()

    def _slack(self, body: Any) -> None:
        try:
            self.inbox.put(slack(body))
            self._text(HTTPStatus.OK, "ok")
        except Refused as refused:
            self._text(HTTPStatus.BAD_REQUEST, str(refused))

    def _pagerduty(self, body: Any) -> None:
        try:
            self.inbox.put(pagerduty(body))
            key = body.get("dedup_key") or "none"
            self._answer(HTTPStatus.ACCEPTED, {"status": "success", "message": "Event processed", "dedup_key": key})
        except Refused as refused:
            answer = {"status": "invalid event", "message": "Event object is invalid", "errors": list(refused.args)}
            self._answer(HTTPStatus.BAD_REQUEST, answer)

    def _body(self) -> Any:
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > BYTES_MAX:
            self.close_connection = True  # the body stays unread
            raise OverflowError
        return json.loads(self.rfile.read(int(length)))

    def _nowhere(self) -> None:
        self._answer(HTTPStatus.NOT_FOUND, {"error": f"{self.path} is not here: POST /services/… or /v2/enqueue"})

    def _answer(self, status: HTTPStatus, body: Any) -> None:
        self._text(status, json.dumps(body), "application/json")

    def _text(self, status: HTTPStatus, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        data = text.encode() + b"\n"
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Keeps quiet: what was received is told by /received."""


def serve(inbox: Inbox, host: str, port: int) -> ThreadingHTTPServer:
    """Returns the HTTP side, bound and not yet serving."""
    server = ThreadingHTTPServer((host, port), type("Handler", (_Handler,), {"inbox": inbox}))
    server.daemon_threads = True
    return server
