"""Both sides of each boundary that Kubernetes' own timers, spread constraints, budgets and requests draw."""

from typing import Any

import pytest

from experiments.attainability.durations import seconds
from experiments.attainability.model import selects
from tests.unit.settings import changed, item, planned, recorded, without

UNREACHABLE = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


def pod_spec(**values: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": values}}}


def spread(**values: Any) -> dict[str, Any]:
    constraint = {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    return pod_spec(topologySpreadConstraints=[{**constraint, **values}])


@pytest.mark.parametrize(
    ("tolerations", "floor", "attainable"),
    [
        ([{**UNREACHABLE, "tolerationSeconds": 300}], 345, False),
        ([], 345, False),  # admission adds 300 s
        ([{**UNREACHABLE, "tolerationSeconds": 254}], 299, True),
        ([{**UNREACHABLE, "tolerationSeconds": 255}], 300, False),
        ([{**UNREACHABLE, "effect": "NoSchedule"}], 345, False),
        ([{"operator": "Exists", "tolerationSeconds": 0}], 45, True),
        ([UNREACHABLE], None, False),
    ],
)
def test_grace_and_toleration_and_start_must_fit(
    objects: Any, tolerations: Any, floor: float | None, attainable: Any
) -> None:
    patched = objects
    for tier in ("app", "api", "worker"):
        patched = changed(patched, "Deployment", tier, pod_spec(tolerations=tolerations))
    answer = planned(patched, "ha.failover_capacity")
    assert (answer.floor, answer.attainable) == (floor, attainable)
    assert attainable or answer.fix == "tolerationSeconds for node.kubernetes.io/unreachable: at most 239"


def test_the_slowest_tier_decides(objects: Any) -> None:
    patched = changed(objects, "Deployment", "worker", pod_spec(tolerations=[{**UNREACHABLE, "tolerationSeconds": 60}]))
    answer = planned(patched, "ha.failover_capacity")
    assert answer.floor == 105
    assert "Deployment shop/worker" in answer.bound_by


@pytest.mark.parametrize(
    ("command", "version", "floor"),
    [
        ([], "v1.36.3", 75),
        ([], "v1.32.0", 75),
        ([], "v1.31.9", 65),
        (["--node-monitor-grace-period=16s"], "v1.36.3", 41),
        (["--node-monitor-grace-period=1m30s"], "v1.36.3", 115),
    ],
)
def test_the_grace_period_is_the_flag_or_the_versions_default(
    objects: Any, command: Any, version: str, floor: float
) -> None:
    patched = changed(objects, "Pod", "", {"spec": {"containers": [{"name": "c", "command": command}]}})
    patched = changed(patched, "Node", "", {"status": {"nodeInfo": {"kubeletVersion": version}}})
    assert planned(patched, "ha.failover_capacity").floor == floor


def test_a_grace_period_that_leaves_no_time_is_what_must_be_changed(objects: Any) -> None:
    container = {"name": "c", "command": ["--node-monitor-grace-period=10m"]}
    answer = planned(changed(objects, "Pod", "", {"spec": {"containers": [container]}}), "ha.failover_capacity")
    assert answer.attainable is False
    assert answer.fix.startswith("kube-controller-manager --node-monitor-grace-period")


@pytest.mark.parametrize(
    ("values", "fix"),
    [
        ({"nodeTaintsPolicy": "Honor"}, ""),
        ({"nodeTaintsPolicy": "Honor", "minDomains": 2}, ""),
        ({"nodeTaintsPolicy": "Honor", "minDomains": 3}, "minDomains: at most 2, or remove it"),
        ({"nodeTaintsPolicy": "Ignore"}, "nodeTaintsPolicy: Honor"),
        ({}, "nodeTaintsPolicy: Honor"),
        ({"maxSkew": 4}, "nodeTaintsPolicy: Honor"),
        ({"maxSkew": 5}, ""),
        ({"whenUnsatisfiable": "ScheduleAnyway"}, ""),
        ({"topologyKey": "kubernetes.io/hostname"}, "nodeTaintsPolicy: Honor"),
    ],
)
def test_the_spread_must_leave_nine_replicas_a_place_in_two_zones(objects: Any, values: Any, fix: str) -> None:
    answer = planned(changed(objects, "Deployment", "app", spread(**values)), "ha.failover_capacity")
    assert answer.fix == fix
    assert answer.attainable is (not fix)
    assert (answer.floor is None) is bool(fix)


def test_a_selector_of_the_dead_zone_leaves_no_node(objects: Any) -> None:
    selector = {"topology.kubernetes.io/zone": "us-east-1b"}
    answer = planned(changed(objects, "Deployment", "app", pod_spec(nodeSelector=selector)), "ha.failover_capacity")
    assert answer.attainable is False
    assert "no node outside us-east-1b" in answer.bound_by


def pods_of(count: int, zone: str, cpu: str) -> list[dict[str, Any]]:
    container = {"name": "app", "resources": {"requests": {"cpu": cpu, "memory": "1Mi"}}}
    spec = {"nodeName": f"node-{zone}", "containers": [container]}
    return [
        item("Pod", "shop", f"app-{zone}-{n}", metadata={"labels": {"app": "app"}}, spec=spec) for n in range(count)
    ]


@pytest.mark.parametrize(("cpu", "attainable"), [("444m", True), ("445m", False)])
def test_what_the_lost_pods_ask_for_must_be_free_elsewhere(objects: Any, cpu: str, attainable: Any) -> None:
    # Two nodes of 2 processors hold six pods and have to take three more: nine of them in 4 processors.
    pods = [pod for zone in ("us-east-1a", "us-east-1b", "us-east-1c") for pod in pods_of(3, zone, cpu)]
    answer = planned([*objects, *pods], "ha.failover_capacity")
    assert answer.attainable is attainable
    if not attainable:
        assert "3 pods of us-east-1b ask for 1.335 cpu, 1.330 is free" in answer.bound_by
        assert answer.fix == "free 0.005 cpu more"


def test_pods_that_are_over_and_sidecars_are_counted_right(objects: Any) -> None:
    pods = [pod for zone in ("us-east-1a", "us-east-1b", "us-east-1c") for pod in pods_of(3, zone, "444m")]
    over = [{**pod, "status": {"phase": "Succeeded"}} for pod in pods_of(9, "us-east-1a", "1")]
    assert planned([*objects, *pods, *over], "ha.failover_capacity").attainable is True
    sidecar = {"name": "p", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1m"}}}
    first = {"name": "i", "resources": {"requests": {"cpu": "9"}}}  # over before the pod serves
    with_sidecars = [{**pod, "spec": {**pod["spec"], "initContainers": [first, sidecar]}} for pod in pods]
    assert planned([*objects, *with_sidecars], "ha.failover_capacity").attainable is False


def test_a_tier_that_is_not_there_is_out_of_reach(objects: Any) -> None:
    for target in ("ha.failover_capacity", "ha.pdb"):
        assert "no Deployment shop/api" in planned(without(objects, "Deployment", "api"), target).bound_by


# ---- budgets


@pytest.mark.parametrize(
    ("spec", "kept", "attainable"),
    [
        ({"minAvailable": "66%"}, 6, True),
        ({"minAvailable": "67%"}, 7, False),  # 6.03 rounds up: the third eviction of nine would be refused
        ({"minAvailable": "55%"}, 5, False),
        ({"minAvailable": 6}, 6, True),
        ({"minAvailable": 5}, 5, False),
        ({"minAvailable": 9}, 9, False),
        ({"minAvailable": 12}, 9, False),
        ({"minAvailable": None, "maxUnavailable": 3}, 6, True),
        ({"minAvailable": None, "maxUnavailable": "33%"}, 6, True),
        ({"minAvailable": None, "maxUnavailable": "34%"}, 5, False),
    ],
)
def test_a_budget_keeps_what_is_promised_neither_less_nor_more(
    objects: Any, spec: Any, kept: int, attainable: Any
) -> None:
    answer = planned(changed(objects, "PodDisruptionBudget", "app", {"spec": spec}), "ha.pdb")
    assert answer.attainable is attainable
    if not attainable:
        assert answer.floor == pytest.approx(100 * kept / 9, abs=0.001)
        assert answer.fix == "one PodDisruptionBudget for shop/app with minAvailable: 66%"


@pytest.mark.parametrize(("replicas", "kept"), [(6, 4), (12, 8), (18, 12), (30, 20)])
def test_percentages_round_up_of_the_replicas_that_are_asked_for(objects: Any, replicas: int, kept: int) -> None:
    patched = objects
    for tier in ("app", "api", "worker"):
        patched = changed(patched, "Deployment", tier, {"spec": {"replicas": replicas}})
    answer = planned(patched, "ha.pdb")
    assert answer.attainable is True
    assert answer.bound_by.endswith(f"of {replicas} keeps {kept}")


def test_two_budgets_on_the_same_pods_are_one_too_many(objects: Any) -> None:
    selector = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["app", "api"]}]}
    second = item("PodDisruptionBudget", "shop", "both", spec={"minAvailable": 1, "selector": selector})
    answer = planned([*objects, second], "ha.pdb")
    assert answer.attainable is False
    assert "answers 500" in answer.bound_by


@pytest.mark.parametrize(
    ("operator", "values", "matches"),
    [
        ("In", ["a"], True),
        ("In", ["b"], False),
        ("NotIn", ["b"], True),
        ("NotIn", ["a"], False),
        ("Exists", None, True),
        ("DoesNotExist", None, False),
    ],
)
def test_selectors_mean_what_they_mean_to_kubernetes(operator: str, values: Any, matches: Any) -> None:
    assert selects({"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}, {"k": "a"}) is matches
    assert selects({}, {"k": "a"})
    assert not selects({"matchLabels": {"k": "b"}}, {"k": "a"})


@pytest.mark.parametrize(
    ("text", "value"),
    [("50s", 50), ("1m30s", 90), ("5min", 300), ("100ms", 0.1), ("1h", 3600), ("1d", 86400), (60, 60), ("0", 0)],
)
def test_durations_of_every_dialect(text: Any, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "soon", "5x", "s", "-5s", "1m and a bit"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)
