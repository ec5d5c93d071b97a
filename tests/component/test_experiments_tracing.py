"""Traces are read whole or not at all, and recorded only when the store has stopped growing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy.errors import Problem
from experiments import jaeger as client
from experiments import readings
from experiments.actions import tracing
from experiments.jaeger import Jaeger
from experiments.traffic import Plan


class Store(BaseHTTPRequestHandler):
    """Jaeger's API over `began`: the moment (µs) at which each trace began. At most `limit` traces an answer."""

    began: dict[str, int]
    asked: list[dict[str, str]]
    errors: list[Any] | None = None

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(where.query).items()}
        self.asked.append(query)
        if where.path == "/api/services":
            data: list[Any] = ["gateway", "app"]
        else:
            inside = [t for t, at in self.began.items() if int(query["start"]) <= at <= int(query["end"])]
            data = [raw_trace(t) for t in inside[: int(query["limit"])]]
        body = json.dumps({"data": data, "errors": self.errors}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def raw_trace(trace_id: str) -> dict[str, Any]:
    tags = [{"key": "span.kind", "value": "server"}, {"key": "error", "value": True}, {"key": "zone", "value": "a"}]
    first = {"spanID": "a", "operationName": "GET", "processID": "p1", "references": [], "tags": tags}
    second = {**first, "spanID": "b", "processID": "p2", "references": [{"refType": "CHILD_OF", "spanID": "a"}]}
    processes = {"p1": {"serviceName": "gateway"}, "p2": {"serviceName": "app"}}
    return {"traceID": trace_id, "spans": [first, second, first], "processes": processes}


@pytest.fixture
def store() -> Iterator[str]:
    Store.began, Store.asked, Store.errors = {f"t{i}": 1_000_000 + i * 10_000 for i in range(1000)}, [], None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_more_traces_than_an_answer_holds_are_read_in_halves(store: str) -> None:
    found = Jaeger(store).search({"experiment.run": "r"}, 0, 60)
    assert set(found) == set(Store.began)
    assert all(json.loads(query["tags"]) == {"experiment.run": "r"} for query in Store.asked if "tags" in query)


def test_too_many_traces_at_one_moment_are_a_problem_and_not_a_part(store: str) -> None:
    Store.began = {f"t{i}": 5_000_000 for i in range(client.LIMIT)}
    with pytest.raises(Problem, match="begin within"):
        Jaeger(store).search({}, 0, 60)


def test_a_span_is_read_once_with_its_parent_and_the_tags_asked_for(store: str) -> None:
    spans = Jaeger(store, ["zone"]).search({}, 0, 60)["t7"]
    assert [(s.id, s.service, s.parent, s.kind, s.error, s.tags) for s in spans.values()] == [
        ("a", "gateway", None, "server", True, {"zone": "a"}),
        ("b", "app", "a", "server", True, {"zone": "a"}),
    ]


def test_errors_and_silence_are_problems(store: str) -> None:
    Store.errors = [{"code": 500, "msg": "shards failed"}]
    with pytest.raises(Problem, match="answered /api/services with errors"):
        Jaeger(store).search({}, 0, 60)
    with pytest.raises(Problem, match="does not answer"):
        Jaeger("http://127.0.0.1:9").search({}, 0, 60)


def test_reading_goes_on_until_two_readings_are_equal() -> None:
    told: Any = iter([{}, {"t": {"a": 1}}, {"t": {"a": 1, "b": 2}}, {"t": {"a": 1, "b": 2}}, {}])
    last: Any = {"t": {"a": 1, "b": 2}}
    assert readings.settled(lambda: next(told), 0.01, 60, "rest") == (last, "")


def test_a_store_that_goes_on_growing_is_said_to(monkeypatch: Any) -> None:
    sizes: list[int] = []

    def grow() -> Any:
        sizes.append(1)
        return {str(k): {} for k in range(len(sizes))}

    last, why = readings.settled(grow, 0.01, 0.05, tracing.STORE_AT_REST)
    assert len(last) == len(sizes)
    assert "two equal readings" in why


def test_a_reading_that_fails_is_not_equal_to_anything() -> None:
    def fail() -> Any:
        raise Problem("Jaeger does not answer")

    assert readings.settled(fail, 0.01, 0.03, tracing.STORE_AT_REST)[1].endswith("Jaeger does not answer")


def test_the_traces_are_recorded_with_how_they_were_looked_for(store: str, monkeypatch: Any, tmp_path: Any) -> None:
    (tmp_path / "case.json").write_text('{"started": {"wall": 0}}')
    events: list[Any] = []
    running = SimpleNamespace(
        cluster=SimpleNamespace(url=lambda _: store),
        recorder=SimpleNamespace(folder=tmp_path, event=lambda kind, **fields: events.append((kind, fields))),
        traffic=SimpleNamespace(run="r", wait=lambda: None),
    )
    monkeypatch.setattr("experiments.session.current", lambda: running)
    Store.began = {"t1": 5_000_000}
    assert tracing.collect([], quiet_s=0.01, within_s=60)["traces"] == 1
    assert [kind for kind, _ in events] == ["trace", "trace.search"]
    assert events[1][1] == {"run": "r", "traces": 1, "complete": True, "why": ""}
    assert [span["parent"] for span in events[0][1]["spans"]] == [None, "a"]


def test_a_caller_that_is_a_url_calls_from_where_its_name_says() -> None:
    order = {"url": "/orders", "method": "POST", "body": {"item": "tea"}}
    callers = {"gateway": "/", "us-east-1a": "http://app.shop.svc.cluster.local/", "orders": order}
    plan = Plan.model_validate({"rate_hz": 1, "duration_s": 1, "callers": callers})
    assert {name: call.zone for name, call in plan.callers.items()} == {
        "gateway": None,
        "us-east-1a": "us-east-1a",
        "orders": None,
    }
    assert plan.callers["orders"].body == {"item": "tea"}
