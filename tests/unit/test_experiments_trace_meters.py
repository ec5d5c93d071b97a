"""What the store and Prometheus count of the same time."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments import session
from experiments.actions import trace_meters
from experiments.drivers.monitoring import Monitoring
from experiments.jaeger import Jaeger, Span

TRACES = {
    "t1": {"a": Span("a", "gateway", "x", None, "", error=False), "b": Span("b", "app", "x", "a", "", error=False)},
    "t2": {"a": Span("a", "gateway", "x", None, "", error=False)},
}
STORE = {"spans": {"gateway": 2, "app": 1}, "traces": {"gateway": 2}}


def answer(**counts: float) -> list[Any]:
    return [{"metric": {"svc": name}, "value": [0, str(count)]} for name, count in counts.items()]


TRAFFIC = SimpleNamespace(wait=lambda: None, started_s=1000.5)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    told: list[Any] = []
    recorder = SimpleNamespace(folder=tmp_path, event=lambda kind, **fields: told.append((kind, fields)))
    cluster = SimpleNamespace(url=lambda service: f"http://{service}")
    running = SimpleNamespace(cluster=cluster, recorder=recorder, traffic=TRAFFIC)
    monkeypatch.setattr(session, "current", lambda: running)
    monkeypatch.setattr(Jaeger, "search", lambda *_: TRACES)
    return told


def test_both_are_read_until_they_stand_still(events: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    spans = iter([answer(gateway=1), answer(gateway=2, app=1.0001, old=0), answer(gateway=2, app=1)])

    def query(_: Monitoring, expression: str) -> list[Any]:
        asked.append(expression)
        return next(spans) if "_spans_" in expression else answer(gateway=2)

    monkeypatch.setattr(Monitoring, "query", query)
    trace_meters.read_meters(quiet_s=0.01, scrape_s=0.01, within_s=5)
    store, prometheus = (fields for _, fields in events)
    assert store == {"by": "store", **STORE, "complete": True, "why": ""}
    assert prometheus == {"by": "prometheus", **STORE, "complete": True, "why": ""}
    metric = 'jaeger_collector_spans_saved_by_svc_total{result="ok"}'
    assert asked[0] == f"sum by (svc) ({metric} - ({metric} @ 1000.500 or {metric} * 0))"


def test_metrics_that_go_on_growing_are_not_complete(events: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter(range(1, 1000))
    monkeypatch.setattr(Monitoring, "query", lambda *_: answer(app=next(numbers)))
    trace_meters.read_meters(quiet_s=0.01, scrape_s=0.01, within_s=0.05)
    assert (events[1][1]["complete"], "two equal readings" in events[1][1]["why"]) == (False, True)


def test_a_prometheus_that_does_not_answer_has_counted_nothing(
    events: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: Any) -> list[Any]:
        raise OSError("refused")

    monkeypatch.setattr(Monitoring, "query", silent)
    trace_meters.read_meters(quiet_s=0.01, scrape_s=0.01, within_s=0.02)
    assert (events[1][1]["spans"], events[1][1]["complete"]) == ({}, False)
