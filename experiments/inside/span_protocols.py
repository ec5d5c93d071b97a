"""Runs in a caller's pod: hands in a trace by each protocol that Jaeger takes, and asks HotROD for dispatches.

argv[1] is JSON: {"run", "tags", "dispatches", "timeout_s"}; prints a JSON line for each trace: {"by", "id", "answer"}.
Standard library only, so every protocol is written out here: protobuf, and Thrift in both of its encodings.

gRPC leaves this pod as HTTP/1.1; the sidecar makes the HTTP/2 of it that the collector speaks. Thrift over UDP goes to
the agent of the pod's own node. A dispatch is given the context of a trace whose first span is handed in here as well.
"""

import http.client
import json
import secrets
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

COLLECTOR, AGENT, HOTROD = (f"jaeger-{name}.tracing.svc.cluster.local" for name in ("collector", "agent", "hotrod"))
OTLP_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
POST_SPANS = "/jaeger.api_v2.CollectorService/PostSpans"
I32, I64, STRING, STRUCT, LIST = 8, 10, 11, 12, 15  # Thrift's types, and what the compact encoding calls them
COMPACT = {I32: 5, I64: 6, STRING: 8, LIST: 9, STRUCT: 12}
ONEWAY = 4
TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Span:
    """The one span of a trace that is handed in."""

    service: str
    trace: bytes
    id: bytes
    start_ns: int
    tags: Mapping[str, str]


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number: int, value: int | str | bytes) -> bytes:
    """One field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def otlp(span: Span) -> bytes:
    """An ExportTraceServiceRequest."""

    def attribute(key: str, value: str) -> bytes:
        return field(1, key) + field(2, field(1, value))

    times = [varint(n << 3 | 1) + struct.pack("<Q", at) for n, at in ((7, span.start_ns), (8, span.start_ns + 10**6))]
    head = field(1, span.trace) + field(2, span.id) + field(5, "hand in") + field(6, 1)
    body = head + b"".join(times) + b"".join(field(9, attribute(*tag)) for tag in span.tags.items())
    resource = field(1, attribute("service.name", span.service))
    return field(1, field(1, resource) + field(2, field(2, body)))


def jaeger_proto(span: Span) -> bytes:
    """A PostSpansRequest."""
    seconds, nanos = divmod(span.start_ns, 10**9)
    tags = b"".join(field(8, field(1, key) + field(3, value)) for key, value in span.tags.items())
    head = field(1, span.trace) + field(2, span.id) + field(3, "hand in") + field(5, 1)
    times = field(6, field(1, seconds) + field(2, nanos)) + field(7, field(2, 10**6))
    return field(1, field(1, head + times + tags) + field(2, field(1, span.service)))


def batch(span: Span) -> dict[int, tuple[int, Any]]:
    """A jaeger.thrift Batch: by number of the field its type and value; a list is the type of its items, and those."""
    low, high, own = (int.from_bytes(raw, signed=True) for raw in (span.trace[8:], span.trace[:8], span.id))
    tags = [{1: (STRING, key), 2: (I32, 0), 3: (STRING, value)} for key, value in span.tags.items()]
    ids = {1: (I64, low), 2: (I64, high), 3: (I64, own), 4: (I64, 0)}
    times = {8: (I64, span.start_ns // 1000), 9: (I64, 1000)}
    one = {**ids, 5: (STRING, "hand in"), 7: (I32, 1), **times, 10: (LIST, (STRUCT, tags))}
    return {1: (STRUCT, {1: (STRING, span.service)}), 2: (LIST, (STRUCT, [one]))}


def binary(kind: int, value: Any) -> bytes:
    """A value in Thrift's binary encoding."""
    if kind in {I32, I64}:
        return struct.pack("!i" if kind == I32 else "!q", value)
    if kind == STRING:
        return struct.pack("!i", len(value.encode())) + bytes(value.encode())
    if kind == LIST:
        of, items = value
        return struct.pack("!bi", of, len(items)) + b"".join(binary(of, item) for item in items)
    return b"".join(struct.pack("!bh", of, number) + binary(of, item) for number, (of, item) in value.items()) + b"\0"


def compact(kind: int, value: Any) -> bytes:
    """A value in Thrift's compact encoding: integers in zigzag, fields by their distance from the one before."""
    if kind in {I32, I64}:
        return varint((value << 1) ^ (value >> 63))
    if kind == STRING:
        return varint(len(value.encode())) + bytes(value.encode())
    if kind == LIST:
        of, items = value
        return bytes([len(items) << 4 | COMPACT[of]]) + b"".join(compact(of, item) for item in items)
    told, before = b"", 0
    for number, (of, item) in value.items():
        told += bytes([number - before << 4 | COMPACT[of]]) + compact(of, item)
        before = number
    return told + b"\0"


def post(host: str, port: int, path: str, kind: str, body: bytes) -> str:
    """Sends a body; returns the status, and gRPC's own where it is known."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", path, body, {"content-type": kind} | ({"te": "trailers"} if "grpc" in kind else {}))
        answer = connection.getresponse()
        answer.read()
        return f"{answer.status} {answer.headers.get('grpc-status', '')}".strip()
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()


def grpc(port: int, path: str, message: bytes) -> str:
    """Makes a gRPC call of one message."""
    return post(COLLECTOR, port, path, "application/grpc", struct.pack("!bI", 0, len(message)) + message)


def zipkin(span: Span) -> str:
    """Hands a span in as Zipkin's clients do."""
    told: dict[str, Any] = {"traceId": span.trace.hex(), "id": span.id.hex(), "name": "hand in"}
    told |= {"timestamp": span.start_ns // 1000, "duration": 1000, "tags": dict(span.tags)}
    told |= {"localEndpoint": {"serviceName": span.service}}
    return post(COLLECTOR, 9411, "/api/v2/spans", "application/json", json.dumps([told]).encode())


def datagram(port: int, call: bytes) -> str:
    """Sends a Thrift call that nobody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(call, (AGENT, port))
    return "sent"


def emit_compact(span: Span) -> bytes:
    """The call emitBatch in the compact encoding."""
    name = "emitBatch"
    head = bytes([0x82, ONEWAY << 5 | 1]) + varint(1) + varint(len(name)) + name.encode()
    return head + compact(STRUCT, {1: (STRUCT, batch(span))})


def emit_binary(span: Span) -> bytes:
    """The call emitBatch in the binary encoding."""
    head = struct.pack("!I", 0x80010000 | ONEWAY) + binary(STRING, "emitBatch") + struct.pack("!i", 1)
    return head + binary(STRUCT, {1: (STRUCT, batch(span))})


def thrift_http(span: Span) -> str:
    """Hands a batch in as Jaeger's old clients do that have no agent."""
    kind, body = "application/vnd.apache.thrift.binary", binary(STRUCT, batch(span))
    return post(COLLECTOR, 14268, "/api/traces?format=jaeger.thrift", kind, body)


PROTOCOLS: dict[str, Callable[[Span], str]] = {
    "otlp-grpc": lambda span: grpc(4317, OTLP_EXPORT, otlp(span)),
    "otlp-http": lambda span: post(COLLECTOR, 4318, "/v1/traces", "application/x-protobuf", otlp(span)),
    "zipkin": zipkin,
    "jaeger-grpc": lambda span: grpc(14250, POST_SPANS, jaeger_proto(span)),
    "jaeger-thrift-http": thrift_http,
    "jaeger-thrift-compact": lambda span: datagram(6831, emit_compact(span)),
    "jaeger-thrift-binary": lambda span: datagram(6832, emit_binary(span)),
}


def dispatch(span: Span) -> str:
    """Asks HotROD for a ride, within the trace of a span."""
    context = f"00-{span.trace.hex()}-{span.id.hex()}-01"
    connection = http.client.HTTPConnection(HOTROD, 8080, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/dispatch?customer=123", headers={"traceparent": context})
        answer = connection.getresponse()
        answer.read()
        return str(answer.status)
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()


def hand_in(run: str, tags: Mapping[str, str], dispatches: int) -> Iterator[dict[str, str]]:
    """Hands every trace in; yields what each was answered."""

    def span(by: str, mark: str) -> Span:
        own = {"experiment.run": run, "experiment.request": mark, **tags}
        return Span(f"by-{by}", secrets.token_bytes(16), secrets.token_bytes(8), time.time_ns(), own)

    for by, send in PROTOCOLS.items():
        one = span(by, by)
        yield {"by": by, "id": one.trace.hex(), "answer": send(one)}
    for number in range(dispatches):
        first = span("hotrod", f"hotrod-{number}")
        PROTOCOLS["otlp-grpc"](first)
        yield {"by": "hotrod", "id": first.trace.hex(), "answer": dispatch(first)}


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    for line in hand_in(asked["run"], asked["tags"], asked["dispatches"]):
        print(json.dumps(line), flush=True)
