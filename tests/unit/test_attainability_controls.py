"""The plan against the negative controls: each takes a protection away, and what settings show the plan must see."""

from typing import Any

import pytest

from experiments import catalogue, weaken
from tests.unit import settings

# What no setting shows: a password that is wrong looks like one that is right.
INVISIBLE = {"no-repository-key"}
CONTROLS = [
    (experiment.name, control, target)
    for experiment in map(catalogue.find, catalogue.names())
    for control, targets in experiment.controls.items()
    for target in targets
]
TARGETS = [target for name in catalogue.names() for target in catalogue.find(name).targets]


@pytest.fixture(scope="module")
def untouched() -> Any:
    return settings.recorded()


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_within_reach_of_the_untouched_platform(untouched: Any, target: str) -> None:
    answer = settings.planned(untouched, target)
    assert answer.attainable is True, answer
    assert answer.bound_by
    assert not answer.fix


@pytest.mark.parametrize(("name", "control", "target"), CONTROLS)
def test_a_control_puts_its_target_out_of_reach(untouched: Any, name: str, control: str, target: str) -> None:
    weak = settings.weakened(untouched, weaken.load(catalogue.find(name).control_file(control)))
    answer = settings.planned(weak, target)
    if control in INVISIBLE:
        assert answer.attainable is True
        return
    assert answer.attainable is False, answer
    assert answer.fix


# What was measured on the live platform (README): a floor above it would be no floor.
@pytest.mark.parametrize(
    ("target", "floor", "measured"),
    [
        ("mesh.ejection", 13.4, 16.0),
        ("mesh.ejection_api", 6.0, 7.9),
        ("mesh.zone_isolation", 11.25, 43.2),
        ("mesh.ejection_connections", 7.5, 9.0),
        ("mesh.ejection_threshold", 3, 3),
        ("mesh.ejection_hold", 300, 302.5),
        ("mesh.mtls", 0, 0),
        ("mesh.authorization", 0, 0),
        ("mesh.egress", 0, 0),
        ("mesh.metrics", 0, 0),
        ("mesh.canary", 10, 10.7),
        ("mesh.ab", 0, 0),
        ("mesh.zone_routing", 80, 80.1),
        ("mesh.lb_latency", 0, 5),
        ("ha.pdb", 66.667, 66.7),
        ("ha.failover_traffic", 40, 47.4),
        ("ha.failover_capacity", 75, 88.4),
        ("trace.sampling_default", 10, 10.6),
        ("trace.sampling_critical", 0, 0),
        ("trace.propagation", 0, 0),
        ("dr.rpo", 60, 60.6),
    ],
)
def test_the_floor_is_not_above_what_was_measured(untouched: Any, target: str, floor: float, measured: float) -> None:
    answer = settings.planned(untouched, target)
    assert answer.floor is not None
    assert answer.floor == pytest.approx(floor, abs=0.05)
    assert answer.floor <= measured


def test_the_alerts_floors_are_their_limits(untouched: Any) -> None:
    for target in ("alert.pod_availability", "alert.circuit_breaker"):
        answer = settings.planned(untouched, target)
        assert answer.floor == answer.limit


def test_the_daily_backup_may_lose_a_day(untouched: Any) -> None:
    control = catalogue.find("disaster_recovery/volume_loss").control_file("daily-backup-only")
    answer = settings.planned(settings.weakened(untouched, weaken.load(control)), "dr.rpo")
    assert answer.floor == 86400
    assert "archive_command 'false'" in answer.bound_by
