"""Protocols and HotROD: good records, and each way to be bad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome
from tests.unit.records import known
from tests.unit.records_trace_protocols import case, everything
from tests.unit.records_tracing import span

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


def without(trace_id: str) -> list[dict[str, Any]]:
    return [event for event in everything() if event["kind"] != "trace" or event["id"] != trace_id]


def spoilt(trace_id: str, spoil: Any) -> list[dict[str, Any]]:
    events = everything()
    found = next(event for event in events if event["kind"] == "trace" and event["id"] == trace_id)
    found["spans"] = spoil(found["spans"])
    return events


def test_every_protocol_is_taken(tmp_path: Path) -> None:
    verdict = case().judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi) == (PASSED, 0)
    assert "of 7, each with its tags" in verdict.reason


def test_a_protocol_whose_trace_is_not_there_is_named_with_its_answer(tmp_path: Path) -> None:
    verdict = case(without("zipkin-0")).judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi) == (FAILED, 1)
    assert "zipkin: not stored, answered 200" in verdict.reason


@pytest.mark.parametrize("tags", [{"order.number": "A-1042", "customer.name": "Zo?"}, {"order.number": "A-1042"}])
def test_a_tag_that_is_lost_or_another_one_is_told(tmp_path: Path, tags: dict[str, str]) -> None:
    verdict = case(spoilt("jaeger-grpc-0", lambda _: [span(0, "by-jaeger-grpc", None, **tags)])).judge(tmp_path)
    assert (verdict.outcome, "jaeger-grpc: 1 of 2 tags are lost" in verdict.reason) == (FAILED, True)


def test_a_protocol_that_was_not_tried_proves_nothing(tmp_path: Path) -> None:
    events = [event for event in everything() if event.get("by") != "otlp-http"]
    verdict = case(events).judge(tmp_path)
    assert (verdict.outcome, "nobody handed a trace in by otlp-http" in verdict.reason) == (INCONCLUSIVE, True)


def test_five_whole_dispatches(tmp_path: Path) -> None:
    verdict = case(target="trace.hotrod").judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi) == (PASSED, 0)
    assert "each of 5 sampled dispatches of 5 is one whole trace" in verdict.reason


@pytest.mark.parametrize(
    ("events", "wrong"),
    [
        (spoilt("hotrod-3", lambda spans: [s for s in spans if s["service"] != "route"]), "no span of route"),
        (spoilt("hotrod-3", lambda spans: [s for s in spans if s["id"] != "s3"]), "hangs in the air"),
    ],
)
def test_a_dispatch_that_is_not_one_whole_trace_is_named(tmp_path: Path, events: Any, wrong: str) -> None:
    verdict = case(events, "trace.hotrod").judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi, wrong in verdict.reason) == (FAILED, 1, True)


def test_a_dispatch_that_was_not_answered_or_not_sampled_does_not_count(tmp_path: Path) -> None:
    events = spoilt("hotrod-3", lambda spans: [s for s in spans if s["service"] == "by-hotrod"])
    rides = [event for event in events if event["kind"] == "trace.handed_in" and event["by"] == "hotrod"]
    rides[0]["answer"] = "503"
    verdict = case(events, "trace.hotrod").judge(tmp_path / "enough")
    assert (verdict.outcome, "each of 3 sampled dispatches of 4" in verdict.reason) == (PASSED, True)
    rides[1]["answer"] = rides[2]["answer"] = "503"
    verdict = case(events, "trace.hotrod").judge(tmp_path / "too few")
    assert (verdict.outcome, "2 dispatches were answered and 1 of them sampled" in verdict.reason) == (
        INCONCLUSIVE,
        True,
    )
