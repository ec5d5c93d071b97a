"""The sender of traces: each of its requests is one trace, and its samples are those of any caller."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.paths import ROOT
from experiments import ledger, traffic
from experiments.traffic import Call, Plan, Traffic
from loadtests import run, samples


class Collector(BaseHTTPRequestHandler):
    """Takes what it is given."""

    got: list[tuple[str, Any]]

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.got.append((self.headers["x-experiment-request"], body))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


@pytest.fixture
def collector() -> Iterator[str]:
    Collector.got = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces"
    server.shutdown()
    server.server_close()


def test_each_request_hands_in_a_trace_of_its_own_that_is_found_by_its_mark(collector: str, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", traffic.TRACE_SENDER.read_text(), "open_loop.py", "--url", collector]
    argv += [
        "--rate",
        "50",
        "--duration",
        "0.4",
        "--timeout",
        "30",
        "--method",
        "POST",
        "--run",
        "r1",
        "--caller",
        "traces",
    ]
    argv += ["--header", "content-type: application/json", "--out", str(tmp_path / "samples")]
    env = os.environ | {"PYTHONPATH": str(ROOT / "loadtests")}
    subprocess.run(argv, env=env, check=True, capture_output=True, timeout=60)
    seen = samples.read(tmp_path / "samples")
    assert (seen.complete, {sample.status for sample in seen.samples}) == (True, {200})
    spans = {mark: body["resourceSpans"][0]["scopeSpans"][0]["spans"] for mark, body in Collector.got}
    assert set(spans) == {f"traces-{i}" for i in range(20)}
    assert len({span["traceId"] for (span,) in spans.values()}) == 20
    (span,) = spans["traces-7"]
    tags = {tag["key"]: tag["value"]["stringValue"] for tag in span["attributes"]}
    assert tags == {"experiment.run": "r1", "experiment.request": "traces-7"}
    assert (len(span["traceId"]), len(span["spanId"])) == (32, 16)
    resources = [body["resourceSpans"][0]["resource"]["attributes"] for _, body in Collector.got]
    assert all(each == [{"key": "service.name", "value": {"stringValue": "trace-sender"}}] for each in resources)


def test_a_caller_that_hands_in_traces_is_the_sender_and_found_by_heal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run.PodCaller, "start", lambda caller: caller)
    call = {"url": "http://c.tracing.svc.cluster.local:4318/v1/traces", "zone": "us-east-1a", "hands_in_traces": True}
    plan = Plan.model_validate({"rate_hz": 10, "duration_s": 5, "callers": {"traces": call}})
    cluster: Any = SimpleNamespace(name="x")
    recorder: Any = SimpleNamespace(folder=tmp_path)
    sending = Traffic(cluster, recorder, plan, ledger.Ledger(tmp_path / "ledger"))
    sending._start_one("traces")
    caller: Any = sending._callers["traces"]
    assert (caller.program[:2], caller.program[3]) == (("python3", "-c"), "open_loop.py")
    assert (caller.method, caller.headers) == ("POST", {"content-type": "application/json"})


@pytest.mark.parametrize("wrong", [{"url": "/v1/traces"}, {"body": {"a": 1}}])
def test_traces_come_from_a_zone_and_are_the_body(wrong: dict[str, Any]) -> None:
    call = {"url": "http://c.tracing.svc.cluster.local/", "zone": "us-east-1a", "hands_in_traces": True}
    if "url" in wrong:
        del call["zone"]
    with pytest.raises(ValidationError, match="traces are handed in from a zone"):
        Call.model_validate(call | wrong)
