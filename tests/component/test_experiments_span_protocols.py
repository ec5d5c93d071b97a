"""The protocols as they are written on the wire: read again by readers of their own, and by the servers' ends."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from experiments.inside import span_protocols as spoken
from experiments.inside.span_protocols import Span

TAGS = {"order.number": "A-1042", "customer.name": "Zoë"}
SPAN = Span("by-x", bytes.fromhex("f0" * 8 + "01" * 8), bytes.fromhex("fe" * 8), 1_700_000_000_123_456_789, TAGS)


@pytest.mark.parametrize(("number", "raw"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")])
def test_varints_are_those_of_the_specification(number: int, raw: bytes) -> None:
    assert spoken.varint(number) == raw


def fields(raw: bytes) -> list[tuple[int, Any]]:
    """Reads a protobuf message: its fields with their numbers; what is inside of one is left as it is."""
    found: list[tuple[int, Any]] = []
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = raw[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(raw):
        key = number()
        if key & 7 == 0:
            found.append((key >> 3, number()))
        else:
            size = 8 if key & 7 == 1 else number()
            found.append((key >> 3, raw[at : at + size]))
            at += size
    return found


def only(raw: bytes, *path: int) -> Any:
    """Follows fields that stand once."""
    for number in path:
        (raw,) = [value for key, value in fields(raw) if key == number]
    return raw


def test_an_export_of_otlp_says_who_what_and_when() -> None:
    export = spoken.otlp(SPAN)
    assert only(export, 1, 1, 1, 2, 1) == b"by-x"
    span = only(export, 1, 2, 2)
    assert (only(span, 1), only(span, 2), only(span, 5)) == (SPAN.trace, SPAN.id, b"hand in")
    assert struct.unpack("<Q", only(span, 7))[0] == SPAN.start_ns
    tags = {only(tag, 1).decode(): only(tag, 2, 1).decode() for key, tag in fields(span) if key == 9}
    assert tags == TAGS


def test_a_batch_of_jaegers_protobuf_says_the_same() -> None:
    request = spoken.jaeger_proto(SPAN)
    span = only(request, 1, 1)
    assert only(request, 1, 2, 1) == b"by-x"
    assert (only(span, 1), only(span, 2)) == (SPAN.trace, SPAN.id)
    assert (only(span, 6, 1), only(span, 6, 2)) == (1_700_000_000, 123_456_789)
    assert {only(tag, 1).decode(): only(tag, 3).decode() for key, tag in fields(span) if key == 8} == TAGS


def binary(raw: bytes, kind: int) -> tuple[Any, bytes]:
    """Reads a value in Thrift's binary encoding; returns it and what follows."""
    if kind in {spoken.I32, spoken.I64}:
        size = 4 if kind == spoken.I32 else 8
        return int.from_bytes(raw[:size], signed=True), raw[size:]
    if kind == spoken.STRING:
        size = int.from_bytes(raw[:4])
        return raw[4 : 4 + size].decode(), raw[4 + size :]
    if kind == spoken.LIST:
        of, size, raw = raw[0], int.from_bytes(raw[1:5]), raw[5:]
        items = []
        for _ in range(size):
            item, raw = binary(raw, of)
            items.append(item)
        return items, raw
    found = {}
    while raw[0]:
        of, number = raw[0], int.from_bytes(raw[1:3])
        found[number], raw = binary(raw[3:], of)
    return found, raw[1:]


def assert_is_the_batch(batch: Any) -> None:
    assert batch[1] == {1: "by-x"}
    (span,) = batch[2]
    low, high = (int.from_bytes(part, signed=True) for part in (SPAN.trace[8:], SPAN.trace[:8]))
    assert (span[1], span[2], span[3], span[4]) == (low, high, int.from_bytes(SPAN.id, signed=True), 0)
    assert (span[5], span[8]) == ("hand in", SPAN.start_ns // 1000)
    assert {tag[1]: tag[3] for tag in span[10]} == TAGS


def test_thrifts_binary_encoding_is_read_again() -> None:
    batch, rest = binary(spoken.binary(spoken.STRUCT, spoken.batch(SPAN)), spoken.STRUCT)
    assert rest == b""
    assert_is_the_batch(batch)
    call = spoken.emit_binary(SPAN)
    assert call[:4] == b"\x80\x01\x00\x04"  # strict, version 1, oneway
    name, rest = binary(call[4:], spoken.STRING)
    arguments, rest = binary(rest[4:], spoken.STRUCT)
    assert (name, rest) == ("emitBatch", b"")
    assert_is_the_batch(arguments[1])


def compact(raw: bytes, kind: int) -> tuple[Any, bytes]:
    """Reads a value in Thrift's compact encoding; returns it and what follows."""
    names = {value: key for key, value in spoken.COMPACT.items()}

    def number(rest: bytes) -> tuple[int, bytes]:
        size = next(k for k, byte in enumerate(rest) if byte < 0x80) + 1
        return sum((byte & 0x7F) << 7 * k for k, byte in enumerate(rest[:size])), rest[size:]

    if kind in {spoken.I32, spoken.I64}:
        value, raw = number(raw)
        return (value >> 1) ^ -(value & 1), raw
    if kind == spoken.STRING:
        size, raw = number(raw)
        return raw[:size].decode(), raw[size:]
    if kind == spoken.LIST:
        size, of, raw = raw[0] >> 4, names[raw[0] & 15], raw[1:]
        items = []
        for _ in range(size):
            item, raw = compact(raw, of)
            items.append(item)
        return items, raw
    found, before = {}, 0
    while raw[0]:
        before += raw[0] >> 4
        found[before], raw = compact(raw[1:], names[raw[0] & 15])
    return found, raw[1:]


def test_thrifts_compact_encoding_is_read_again() -> None:
    call = spoken.emit_compact(SPAN)
    assert call[:4] == b"\x82\x81\x01\x09"  # compact; version 1, oneway; sequence 1; nine characters
    assert call[4:13] == b"emitBatch"
    arguments, rest = compact(call[13:], spoken.STRUCT)
    assert rest == b""
    assert_is_the_batch(arguments[1])


class Server(BaseHTTPRequestHandler):
    """Takes what it is given."""

    got: list[tuple[str, str, bytes]]

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append((self.path, self.headers["content-type"], body))
        self.answer(202)

    def do_GET(self) -> None:
        self.got.append((self.path, self.headers["traceparent"], b""))
        self.answer(200)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of the one server that everything is sent to, whatever port it is meant for."""
    Server.got = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    to_it = ("127.0.0.1", server.server_port)
    connect = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda _address, *rest: connect(to_it, *rest))
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_each_protocol_and_each_dispatch_is_told_with_its_answer(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, bytes]] = []
    monkeypatch.setattr(spoken, "datagram", lambda *call: sent.append(call))
    told = list(spoken.hand_in("r1", TAGS, 2))
    assert [each["by"] for each in told] == [*spoken.PROTOCOLS, "hotrod", "hotrod"]
    assert [each["answer"] for each in told] == [*["202"] * 5, None, None, "200", "200"]
    assert len({each["id"] for each in told}) == 9
    assert [number for number, _ in sent] == [6831, 6832]
    paths = [path for path, _, _ in Server.got]
    assert paths[:3] == [spoken.OTLP_EXPORT, "/v1/traces", "/api/v2/spans"]
    (grpc, kind, body) = Server.got[0]
    assert (grpc, kind, struct.unpack("!bI", body[:5])) == (spoken.OTLP_EXPORT, "application/grpc", (0, len(body) - 5))
    (zipkin,) = json.loads(Server.got[2][2])
    assert (zipkin["traceId"], zipkin["tags"]["experiment.run"]) == (told[2]["id"], "r1")
    # A dispatch comes after the first span of its trace, which it names.
    context = Server.got[-1][1].split("-")
    assert (Server.got[-1][0], context[1], context[3]) == ("/dispatch?customer=123", told[-1]["id"], "01")
    first = only(Server.got[-2][2][5:], 1, 2, 2)
    assert (only(first, 1).hex(), only(first, 2).hex()) == (context[1], context[2])


def test_nobody_there_is_an_answer_too() -> None:
    assert "Error" in spoken.post("127.0.0.1", 9, "/", "x", b"")
