"""One outage without two protections: each target breaks for its own, and for its own alone."""

from pathlib import Path
from typing import Any

import pytest

from experiments import catalogue
from reports.judge import judge_case
from reports.model import Outcome
from reports.reader import read_case
from reports.targets import load_targets
from tests.unit.records import SIZES, Case, fault, ready, samples, zone_case, zone_events

HELD_S = 320.0  # 25 of silence, 280 for the capacity, a tail of 15: see the document


def outage(*, errors_last: bool, replaced: bool) -> Case:
    events = zone_events(back_s=88.0, held_s=HELD_S)
    if not replaced:
        events = fault("zone-cut", HELD_S, zone="us-east-1b")
        for tier, size in SIZES.items():
            events += [ready(-5, tier, size), ready(0.3, tier, size * 2 // 3, excluded_zone="us-east-1b")]
    until_s = HELD_S if errors_last else 47.0
    callers = {
        name: samples([(0.2, until_s)], until_s=HELD_S + 10, rate_hz=2)
        for name in ("gateway", "us-east-1a", "us-east-1c")
    }
    targets = list(catalogue.find("high_availability/zone_outage").targets)
    return zone_case(control="unprotected", targets=targets, events=events, callers=callers)


@pytest.mark.parametrize("errors_last", [True, False], ids=["no failover", "failover"])
@pytest.mark.parametrize("replaced", [True, False], ids=["short tolerations", "default tolerations"])
def test_each_target_breaks_for_its_own_reason(tmp_path: Path, errors_last: Any, replaced: Any) -> None:
    record = read_case(outage(errors_last=errors_last, replaced=replaced).write(tmp_path))
    found = {verdict.target: verdict for verdict in judge_case(record, load_targets())}
    traffic, capacity = found["ha.failover_traffic"], found["ha.failover_capacity"]
    assert traffic.outcome is (Outcome.FAILED if errors_last else Outcome.PASSED), traffic.reason
    assert capacity.outcome is (Outcome.PASSED if replaced else Outcome.FAILED), capacity.reason
    if errors_last:
        assert "last error of caller" in traffic.reason
    if not replaced:
        assert "tier" in capacity.reason
        assert "caller" not in capacity.reason


def test_the_fault_is_held_for_longer_than_the_limit_and_not_until_the_pods_are_replaced() -> None:
    from experiments import documents

    experiment = catalogue.find("high_availability/zone_outage")
    document = documents.load(experiment.path, experiment.name)
    by_name = {activity.name: activity.provider.arguments for activity in document.method}
    hold = by_name["hold-until-capacity-is-back"]
    held_s = by_name["zone-is-silent"]["silent_s"] + hold["within_s"] + hold["tail_s"]
    (limit_s,) = {load_targets()[target].limit for target in experiment.targets}
    default_s = 40 + 300  # the shortest node grace period and the default toleration
    assert limit_s + 10 <= held_s < default_s - 10
