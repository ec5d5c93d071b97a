"""The schedule: nobody shares time with whom they disturb, everybody has their turn, and time is saved, not lost."""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments import cases, gate
from experiments.radius import Radius, Thing
from experiments.schedule import CALLS_HZ_MAX, Slot, Task, makespan_s, order, plan, startable


def radius(disturbs: Any = (), needs: Any = ()) -> Radius:
    return Radius(disturbs=frozenset(disturbs), needs=frozenset(needs))


def overlap(one: Slot, other: Slot) -> bool:
    return one.begin_s < other.end_s and other.begin_s < one.end_s


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (radius(needs=[Thing.APP]), radius(needs=[Thing.APP]), True),
        (radius(disturbs=[Thing.APP]), radius(needs=[Thing.API]), True),
        (radius(disturbs=[Thing.APP]), radius(needs=[Thing.APP]), False),
        (radius(disturbs=[Thing.APP]), radius(disturbs=[Thing.APP]), False),
        (radius(disturbs=[Thing.EVERYTHING]), radius(), False),
        (radius(), radius(), True),
    ],
    ids=["two that look", "of no concern", "needed", "both", "alone", "nothing"],
)
def test_who_may_share_time(one: Any, other: Any, together: Any) -> None:
    assert one.conflicts(other) is not together
    assert other.conflicts(one) is not together


@pytest.mark.parametrize(("other_hz", "together"), [(0, True), (4, True), (4.1, False)])
def test_callers_share_time_as_far_as_the_machine_can_answer_them(other_hz: float, together: bool) -> None:  # noqa: FBT001
    busy = Task("busy", radius(), 10, calls_hz=CALLS_HZ_MAX - 4)
    other = Task("other", radius(), 10, calls_hz=other_hz)
    assert (startable([other], [busy], 2) is other) is together
    assert startable([Task("too much for any other", radius(), 1, calls_hz=CALLS_HZ_MAX + 1)], [], 2)


def test_a_case_is_known_by_all_that_its_callers_and_users_send() -> None:
    case = next(case for case in cases.everything() if case.name == "mesh.ejection")
    assert case.task().calls_hz == 4 * 15 + 3


things = st.frozensets(st.sampled_from(list(Thing)), max_size=3)
radii = st.builds(Radius, disturbs=things, needs=things)
tasks = st.lists(st.tuples(radii, st.floats(0, 500)), max_size=8).map(
    lambda found: [Task(f"task {number}", each, expected_s) for number, (each, expected_s) in enumerate(found)]
)


@settings(max_examples=40, deadline=None)
@given(tasks, st.integers(1, 4))
def test_a_plan_has_everybody_once_and_nobody_beside_whom_they_disturb(found: Any, at_once: Any) -> None:
    slots = plan(order(found, at_once, tries=9), at_once)
    assert sorted(slot.task.name for slot in slots) == sorted(task.name for task in found)
    assert all(slot.end_s - slot.begin_s == pytest.approx(slot.task.expected_s) for slot in slots)
    for one, other in combinations(slots, 2):
        if overlap(one, other):
            assert not one.task.radius.conflicts(other.task.radius)
    for slot in slots:
        assert sum(other.begin_s <= slot.begin_s < other.end_s for other in slots) <= at_once


@settings(max_examples=40, deadline=None)
@given(tasks, st.integers(1, 4))
def test_a_plan_is_never_longer_than_one_after_the_other(found: Any, at_once: Any) -> None:
    whole_s = makespan_s(plan(order(found, at_once, tries=9), at_once))
    assert whole_s <= sum(task.expected_s for task in found) + 1e-6


@settings(max_examples=30, deadline=None)
@given(tasks)
def test_the_same_cases_give_the_same_order_however_they_are_told(found: Any) -> None:
    one, other = (order(told, 2, tries=9) for told in (found, found[::-1]))
    assert [task.name for task in one] == [task.name for task in other]


def test_changing_places_saves_time_that_the_longest_first_would_waste() -> None:
    """Longest first pairs 5 with 4 and leaves 3, 3, 3 to two; the best has 9 on each side."""
    found = [Task(f"{seconds} {name}", radius(), seconds) for seconds, name in ((5, "a"), (4, "b"), (3, "c"), (3, "d"))]
    found.append(Task("3 e", radius(), 3))
    assert makespan_s(plan(sorted(found, key=lambda task: -task.expected_s), 2)) == 10
    assert makespan_s(plan(order(found, 2), 2)) == 9


def test_the_shipped_cases_share_time_and_those_of_a_zone_do_not(tmp_path: Any) -> None:
    found = [*gate.TESTS.values(), *(case.task(runs=tmp_path) for case in cases.everything())]
    slots = plan(order(found, 2), 2)
    assert makespan_s(slots) < sum(task.expected_s for task in found)
    for slot in slots:
        if slot.task.name.startswith("high_availability.zone_outage"):
            assert not [other for other in slots if other is not slot and overlap(slot, other)]


def test_what_a_control_takes_away_is_part_of_its_radius() -> None:
    by_name = {case.name: case.radius for case in cases.everything()}
    assert Thing.ALERTING not in by_name["alerts.pod_availability"].disturbs
    assert Thing.ALERTING in by_name["alerts.pod_availability~no-kube-state-metrics"].disturbs


def test_a_case_is_expected_to_take_what_it_took_last(tmp_path: Any) -> None:
    def recorded(run: str, text: str) -> None:
        (tmp_path / run / "mesh.mtls").mkdir(parents=True)
        (tmp_path / run / "mesh.mtls" / "case.json").write_text(text)

    assert cases.took_s("mesh.mtls", tmp_path) is None
    recorded("20260101T000000Z", '{"started": {"mono": 5}, "ended": {"mono": 65}}')
    recorded("20260102T000000Z", '{"started": {"mono": 5}, "ended": {"mono": 75}}')
    recorded("20260103T000000Z", '{"started": {"mono": 5}}')
    recorded("20260104T000000Z", '{"started"')
    assert cases.took_s("mesh.mtls", tmp_path) == 70
