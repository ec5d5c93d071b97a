"""What a route adds to the calls that go through the mesh: both sides of the limit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.settings import changed, planned, recorded, without

TARGET = "mesh.lb_latency"


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


def delayed(objects: Any, **delay: Any) -> Any:
    route = [{"destination": {"host": "echo.callers.svc.cluster.local", "port": {"number": 8080}}}]
    http = [{"name": "all", "fault": {"delay": delay}, "route": route}]
    return changed(objects, "VirtualService", "echo", {"spec": {"http": http}})


@pytest.mark.parametrize(
    ("delay", "floor"),
    [
        ({"fixedDelay": "9ms", "percentage": {"value": 100}}, 9),
        ({"fixedDelay": "10ms", "percentage": {"value": 100}}, 10),
        ({"fixedDelay": "0.5s"}, 500),
        ({"fixedDelay": "1s", "percentage": {"value": 1}}, 0),
        ({"fixedDelay": "1s", "percentage": {"value": 1.1}}, 1000),
    ],
)
def test_what_is_held_more_often_than_one_in_a_hundred_is_added(objects: Any, delay: Any, floor: float) -> None:
    answer = planned(delayed(objects, **delay), TARGET)
    assert (answer.floor, answer.attainable) == (floor, floor < 10)
    assert bool(answer.fix) is (floor >= 10)


def test_without_a_route_of_its_own_nothing_is_added(objects: Any) -> None:
    answer = planned(without(objects, "VirtualService", "echo"), TARGET)
    assert (answer.floor, answer.attainable) == (0, True)
