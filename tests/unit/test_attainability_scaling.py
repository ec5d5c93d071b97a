"""Both sides of each boundary that autoscalers draw."""

from typing import Any

import pytest

from tests.unit.settings import changed, planned, recorded, without

COLLECTOR, QUERY, TARGET = "jaeger-collector", "jaeger-query", "trace.autoscaling"


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


@pytest.mark.parametrize("tier", [COLLECTOR, QUERY])
def test_each_tier_needs_an_autoscaler(objects: Any, tier: str) -> None:
    answer = planned(without(objects, "HorizontalPodAutoscaler", tier), TARGET)
    assert (answer.attainable, answer.bound_by) == (False, f"no HorizontalPodAutoscaler tracing/{tier}")


@pytest.mark.parametrize(("most", "attainable"), [(3, False), (4, True)])
def test_there_must_be_room_above_the_least(objects: Any, most: int, attainable: Any) -> None:
    answer = planned(changed(objects, "HorizontalPodAutoscaler", COLLECTOR, {"spec": {"maxReplicas": most}}), TARGET)
    assert answer.attainable is attainable
    assert attainable or answer.fix == "maxReplicas: at least 4"


@pytest.mark.parametrize(("wait_s", "attainable"), [(0, True), (120, True), (121, False)])
def test_waiting_before_it_adds_is_the_floor(objects: Any, wait_s: int, attainable: Any) -> None:
    patch = {"spec": {"behavior": {"scaleUp": {"stabilizationWindowSeconds": wait_s}}}}
    answer = planned(changed(objects, "HorizontalPodAutoscaler", QUERY, patch), TARGET)
    assert (answer.attainable, answer.floor) == (attainable, wait_s)
    assert answer.bound_by.startswith("HorizontalPodAutoscaler tracing/jaeger-query" if wait_s else "Horizontal")


@pytest.mark.parametrize(("wait_s", "attainable"), [(200, True), (201, False), (None, False)])
def test_it_must_remove_while_somebody_looks(objects: Any, wait_s: int | None, attainable: Any) -> None:
    behavior = {"scaleDown": {"stabilizationWindowSeconds": wait_s}} if wait_s is not None else None
    answer = planned(changed(objects, "HorizontalPodAutoscaler", QUERY, {"spec": {"behavior": behavior}}), TARGET)
    assert answer.attainable is attainable
    assert attainable or answer.fix == "scaleDown.stabilizationWindowSeconds: at most 200"
