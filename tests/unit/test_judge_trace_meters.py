"""Metrics beside the store: good records, each way to be bad, and both sides of what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome
from tests.unit.records import Case, known
from tests.unit.records_trace_meters import STORED, case, meters

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


def counted(what: str, **counts: int) -> dict[str, dict[str, int]]:
    return STORED | {what: STORED[what] | counts}


def test_as_many_spans_and_traces_of_every_service(tmp_path: Path) -> None:
    verdict = case().judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi) == (PASSED, 0)
    assert "of 6 services" in verdict.reason
    assert verdict.extra["spans"]["worker"] == "200 stored, 200 counted"


@pytest.mark.parametrize(("count", "outcome"), [(210, PASSED), (211, FAILED), (190, PASSED), (189, FAILED)])
def test_five_percent_may_arrive_while_one_of_them_is_read(tmp_path: Path, count: int, outcome: Any) -> None:
    verdict = case(counted("spans", worker=count)).judge(tmp_path)
    assert verdict.outcome is outcome
    assert (outcome is PASSED) or f"worker: 200 spans are stored and {count} counted" in verdict.reason


def test_traces_are_compared_too(tmp_path: Path) -> None:
    verdict = case(counted("traces", **{"istio-ingressgateway.istio-system": 50})).judge(tmp_path)
    assert (verdict.outcome, "100 traces are stored and 50 counted" in verdict.reason) == (FAILED, True)


def test_metrics_that_are_not_there_are_of_no_service(tmp_path: Path) -> None:
    verdict = case({"spans": {}, "traces": {}}).judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi) == (FAILED, 6)


def test_a_service_that_the_store_does_not_hold_differs(tmp_path: Path) -> None:
    assert known(case(counted("spans", ghost=20)).judge(tmp_path)).hi == 1
    assert case(counted("spans", ghost=19, rare=19)).judge(tmp_path / "few").outcome is PASSED


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([meters("store")], "nobody read what the prometheus counts"),
        ([meters("prometheus")], "nobody read what the store counts"),
        ([meters("store"), meters("prometheus", complete=False, why="late")], "had not counted all when it was read"),
        ([meters("store", counts={"spans": {"app": 50}, "traces": {}}), meters("prometheus")], "only 1 services have"),
    ],
)
def test_what_was_not_wholly_counted_proves_nothing(tmp_path: Path, events: Any, reason: str) -> None:
    verdict = Case("tracing/metrics", ["trace.metrics"], events).judge(tmp_path)
    assert (verdict.outcome, reason in verdict.reason) == (INCONCLUSIVE, True)
