"""Runs in a caller's pod: open_loop.py, whose every request hands in a trace of its own, by OTLP over HTTP.

A trace is one span of the service `trace-sender` with the marks of its request as tags, so it is found again by them.
Its ids follow from the marks: the same request is never two traces, however often a proxy repeats it. What was
answered 2xx was accepted, and the samples are the ledger of it, outside of everything that is broken.

Its arguments are those of open_loop.py, after that name, by which heal finds it.
"""

import dataclasses
import hashlib
import importlib
import json
import sys
import time
from typing import Any

open_loop: Any = importlib.import_module("open_loop")  # beside the caller's own program, in its image
SERVICE = "trace-sender"
SPAN_KIND_INTERNAL = 1


def export(run: str, request: str, now_ns: int) -> dict[str, Any]:
    """Returns an OTLP export of one trace."""
    digest = hashlib.sha256(f"{run} {request}".encode()).hexdigest()
    span = {
        "traceId": digest[:32],
        "spanId": digest[32:48],
        "name": "hand in",
        "kind": SPAN_KIND_INTERNAL,
        "startTimeUnixNano": str(now_ns),
        "endTimeUnixNano": str(now_ns + 1000),
        "attributes": [tag("experiment.run", run), tag("experiment.request", request)],
    }
    resource = {"attributes": [tag("service.name", SERVICE)]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}


def tag(key: str, value: str) -> dict[str, Any]:
    """Returns an attribute as OTLP writes it."""
    return {"key": key, "value": {"stringValue": value}}


def hand_in_traces() -> None:
    """Gives each request of open_loop a body of its own."""
    request = open_loop.OpenLoop._request  # noqa: SLF001 - it is our own, in another file

    async def hand_in(loop: Any, i: int, due: float) -> None:
        body = json.dumps(export(loop.load.run, f"{loop.load.caller}-{i}", time.time_ns()))
        loop.load = dataclasses.replace(loop.load, body=body)  # read before the request first waits
        await request(loop, i, due)

    open_loop.OpenLoop._request = hand_in  # noqa: SLF001


if __name__ == "__main__":
    hand_in_traces()
    sys.exit(open_loop.main(sys.argv[2:]))
