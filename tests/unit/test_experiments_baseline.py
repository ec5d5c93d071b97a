"""The cluster after an experiment: each kind of residue is noticed, and what the platform does by itself is not."""

import copy
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy import paths
from experiments import baseline, running
from experiments.baseline import NotAsBefore
from experiments.drivers import node_state
from experiments.ledger import Ledger
from experiments.radius import Radius
from experiments.record import Recorder, read_lines

CLUSTER: Any = SimpleNamespace(name="baseline")
NOBODY = Radius(disturbs=frozenset(), needs=frozenset())


def item(kind: str, namespace: str | None, name: str, **fields: Any) -> dict[str, Any]:
    where = {"namespace": namespace} if namespace else {}
    server = {"uid": "1", "resourceVersion": "7", "generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"kind": kind, "metadata": {"name": name, **where, **server}, **fields}


def a_world() -> dict[str, Any]:
    """Returns the lists of a small platform by kind, and what its nodes say."""
    ready = {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "12:00"}]}
    template = {"spec": {"containers": [{"name": "app", "image": "shop:1"}]}}
    target = {"kind": "Deployment", "name": "app"}
    return {
        "Node": [{**item("Node", None, "w1", spec={}, status=ready)}],
        "Deployment": [
            item("Deployment", "shop", "app", spec={"replicas": 9, "template": template}, status={"readyReplicas": 9}),
            item("Deployment", "shop", "worker", spec={"replicas": 6}),
        ],
        "HorizontalPodAutoscaler": [
            item("HorizontalPodAutoscaler", "shop", "app", spec={"scaleTargetRef": target, "maxReplicas": 30})
        ],
        "CronJob": [item("CronJob", "backup", "redis", spec={"schedule": "*/30 * * * *", "suspend": False})],
        "PodDisruptionBudget": [item("PodDisruptionBudget", "shop", "app", spec={"minAvailable": "66%"})],
        "DestinationRule": [item("DestinationRule", "shop", "app", spec={"trafficPolicy": {"outlierDetection": {}}})],
        "Service": [item("Service", "shop", "app", spec={"selector": {"app": "app"}})],
        "ConfigMap": [item("ConfigMap", "data", "settings", data={"a": "1"})],
        "Secret": [item("Secret", "data", "password", data={"key": "Zm9v"})],
        "state": {"w1": {}},
    }


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    found = a_world()
    kinds = {path: kind for kind, path in baseline.KINDS.items()} | {baseline.NODES: "Node"}
    monkeypatch.setattr(baseline, "listed", lambda _, path: copy.deepcopy(found.get(kinds[path])))
    monkeypatch.setattr(node_state, "look", lambda _: copy.deepcopy(found["state"]))
    monkeypatch.setattr(paths, "state", lambda _: tmp_path / "state")
    monkeypatch.setattr(baseline, "SETTLE_S", 0)
    return found


def first(world: dict[str, Any], kind: str) -> Any:
    return world[kind][0]


RESIDUE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a taint": (
        lambda w: first(w, "Node")["spec"].update(taints=[{"key": "chaos", "effect": "NoExecute"}]),
        'Node w1: taints was [], is ["chaos=:NoExecute"]',
    ),
    "a cordon": (lambda w: first(w, "Node")["spec"].update(unschedulable=True), "Node w1: cordoned was false, is true"),
    "a label": (
        lambda w: first(w, "Node")["metadata"].update(labels={"zone": "x"}),
        "Node w1: labels.zone was null, is x",
    ),
    "a dead kubelet": (
        lambda w: first(w, "Node")["status"]["conditions"][0].update(status="Unknown"),
        "Node w1: ready was true, is false",
    ),
    "a node that is gone": (lambda w: w["Node"].clear(), "Node w1 is gone"),
    "a paused node": (lambda w: w["state"].update(w1={"container": ["paused"]}), "container on node w1 is new"),
    "a packet rule": (lambda w: w["state"].update(w1={"rules": ["ip filter: drop"]}), "rules on node w1 is new"),
    "a delay": (lambda w: w["state"].update(w1={"queues": ["netem delay 1ms"]}), "queues on node w1 is new"),
    "a caller": (lambda w: w["state"].update(w1={"callers": ["open_loop.py"]}), "callers on node w1 is new"),
    "a scaled workload": (
        lambda w: w["Deployment"][1]["spec"].update(replicas=5),
        "Deployment shop/worker: spec.replicas was 6, is 5",
    ),
    "another image": (
        lambda w: first(w, "Deployment")["spec"]["template"]["spec"]["containers"][0].update(image="shop:2"),
        "Deployment shop/app: spec.template.spec.containers[0].image was shop:1, is shop:2",
    ),
    "no budget": (lambda w: w["PodDisruptionBudget"].clear(), "PodDisruptionBudget shop/app is gone"),
    "no ejection": (
        lambda w: first(w, "DestinationRule")["spec"].update(trafficPolicy={}),
        "DestinationRule shop/app: spec.trafficPolicy.outlierDetection was {}, is null",
    ),
    "a mesh object": (
        lambda w: w.update(EnvoyFilter=[item("EnvoyFilter", "shop", "delay", spec={})]),
        "EnvoyFilter shop/delay is new",
    ),
    "another selector": (
        lambda w: first(w, "Service")["spec"].update(selector={}),
        "Service shop/app: spec.selector.app was app, is null",
    ),
    "a suspended job": (
        lambda w: first(w, "CronJob")["spec"].update(suspend=True),
        "CronJob backup/redis: spec.suspend was false, is true",
    ),
    "another autoscaler": (
        lambda w: first(w, "HorizontalPodAutoscaler")["spec"].update(maxReplicas=12),
        "HorizontalPodAutoscaler shop/app: spec.maxReplicas was 30, is 12",
    ),
    "a debug pod": (lambda w: w.update(Pod=[item("Pod", "shop", "debug", spec={})]), "Pod shop/debug is new"),
    "a setting": (lambda w: first(w, "ConfigMap")["data"].update(a="2"), "ConfigMap data/settings: its content"),
    "a password": (lambda w: first(w, "Secret")["data"].update(key="YmFy"), "Secret data/password: its content"),
}


@pytest.mark.parametrize("name", RESIDUE)
def test_residue_is_noticed(world: dict[str, Any], name: str) -> None:
    leave, told = RESIDUE[name]
    before = baseline.take(CLUSTER)
    assert baseline.differences(before, baseline.take(CLUSTER)) == []
    leave(world)
    found = baseline.differences(before, baseline.take(CLUSTER))
    assert len(found) == 1
    assert found[0].startswith(told)


def test_an_open_fault_is_noticed(world: dict[str, Any]) -> None:
    before = baseline.take(CLUSTER)
    entry = Ledger.of("baseline").intend("zone a is frozen", {"undo": "unpause-node", "node": "w1"})
    assert baseline.differences(before, baseline.take(CLUSTER)) == [
        f'open fault {entry.id} is new: ["zone a is frozen"]'
    ]


CHURN: dict[str, Callable[[dict[str, Any]], object]] = {
    "an autoscaler scales": lambda w: first(w, "Deployment")["spec"].update(replicas=14),
    "a status changes": lambda w: first(w, "Deployment").update(status={"readyReplicas": 3}),
    "a heartbeat": lambda w: first(w, "Node")["status"]["conditions"][0].update(lastHeartbeatTime="12:01"),
    "the server counts": lambda w: first(w, "Service")["metadata"].update(resourceVersion="8", managedFields=[1]),
    "a rollout": lambda w: first(w, "Deployment")["metadata"].update(
        annotations={"deployment.kubernetes.io/revision": "4"}
    ),
    "a cron job runs": lambda w: w.update(
        Job=[owned("Job", "backup", "redis-1")], Pod=[owned("Pod", "backup", "redis-1-x")]
    ),
    "an object is made anew": lambda w: first(w, "Service")["metadata"].update(uid="2", creationTimestamp="later"),
    "an object is on its way out": lambda w: w.update(Pod=[leaving("Pod", "shop", "app-1")]),
}


def test_a_namespace_that_is_on_its_way_out_may_take_its_objects_along(world: dict[str, Any]) -> None:
    world["Namespace"] = [leaving("Namespace", None, "scratch")]
    world["Pod"] = [item("Pod", "scratch", "keeper", spec={})]
    before = baseline.take(CLUSTER)
    del world["Namespace"], world["Pod"]
    assert baseline.differences(before, baseline.take(CLUSTER)) == []


def test_a_namespace_that_is_left_is_noticed_without_what_each_namespace_gets(world: dict[str, Any]) -> None:
    before = baseline.take(CLUSTER)
    world["Namespace"] = [item("Namespace", None, "scratch", spec={})]
    world["ConfigMap"] += [item("ConfigMap", "scratch", name) for name in ("kube-root-ca.crt", "istio-ca-root-cert")]
    assert baseline.differences(before, baseline.take(CLUSTER)) == ["Namespace scratch is new"]


def owned(kind: str, namespace: str, name: str) -> dict[str, Any]:
    made = item(kind, namespace, name, spec={})
    made["metadata"]["ownerReferences"] = [{"kind": "CronJob", "name": "redis"}]
    return made


def leaving(kind: str, namespace: str | None, name: str) -> dict[str, Any]:
    made = item(kind, namespace, name, spec={})
    made["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:01Z"
    return made


@pytest.mark.parametrize("name", CHURN)
def test_what_the_platform_does_by_itself_is_no_difference(world: dict[str, Any], name: str) -> None:
    before = baseline.take(CLUSTER)
    CHURN[name](world)
    assert baseline.differences(before, baseline.take(CLUSTER)) == []


def test_content_of_secrets_and_settings_is_in_no_snapshot(world: dict[str, Any]) -> None:
    first(world, "ConfigMap")["data"]["a"] = "a setting to be seen nowhere"
    text = str(baseline.take(CLUSTER))
    assert "Zm9v" not in text
    assert "nowhere" not in text


def test_a_kind_that_the_cluster_does_not_know_is_no_difference(world: dict[str, Any]) -> None:
    assert "DestinationRule shop/app" in baseline.take(CLUSTER)
    world["DestinationRule"] = None
    assert "DestinationRule shop/app" not in baseline.take(CLUSTER)


def test_a_cluster_that_is_not_what_it_was_stops_the_run(world: dict[str, Any], tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "mesh.ejection")
    with pytest.raises(NotAsBefore) as left, baseline.kept(CLUSTER, recorder):
        first(world, "Node")["spec"]["unschedulable"] = True
    assert "Node w1: cordoned was false, is true" in str(left.value)
    assert "experiments heal" in left.value.fix
    (event,) = read_lines(recorder.folder / "events.ndjson")
    assert (event["kind"], event["differences"]) == ("baseline", ["Node w1: cordoned was false, is true"])


def test_a_cluster_that_is_what_it_was_is_recorded_too(world: dict[str, Any], tmp_path: Path) -> None:
    with baseline.kept(CLUSTER, Recorder(tmp_path / "case")):
        pass
    (event,) = read_lines(tmp_path / "case" / "events.ndjson")
    assert event["differences"] == []
    assert event["compared"] == len(baseline.take(CLUSTER)) > 8


def test_what_is_being_raised_is_not_hidden_by_differences(world: dict[str, Any], tmp_path: Path) -> None:
    def interrupted() -> None:
        world["Service"].clear()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped, baseline.kept(CLUSTER, Recorder(tmp_path / "case")):
        interrupted()
    assert "Service shop/app is gone" in stopped.value.__notes__[0]


def test_a_cluster_that_settles_is_waited_for(
    world: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baseline, "SETTLE_S", 20)
    looks = iter([{}, {"w1": {"queues": ["netem"]}}, {}])
    monkeypatch.setattr(node_state, "look", lambda _: next(looks))
    with baseline.kept(CLUSTER, Recorder(tmp_path / "case")):
        pass
    assert list(looks) == []


def test_a_cluster_that_cannot_be_asked_any_more_stops_the_run(
    world: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> Any:
        raise ConnectionError("refused")

    with pytest.raises(NotAsBefore, match="1 difference") as left, baseline.kept(CLUSTER, Recorder(tmp_path / "case")):
        monkeypatch.setattr(baseline, "listed", refused)
    assert "could not be compared" in left.value.why


@pytest.mark.parametrize("during", ["before", "after"])
def test_what_another_case_that_begins_meanwhile_disturbs_is_no_difference(
    world: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, during: str
) -> None:
    """It begins while a snapshot is taken: the looks before it saw nobody, and what it shows is the other's."""
    looks = 0

    def look(_: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks == (1 if during == "before" else 2):
            others.enter_context(running.begun(CLUSTER.name, "tracing.sampling", NOBODY))
            world["DestinationRule"].clear()
        return {"w1": {}}

    monkeypatch.setattr(node_state, "look", look)
    monkeypatch.setattr(running, "this", lambda: "")  # begun in this process, and still another's
    rules = list(world["DestinationRule"])
    with ExitStack() as others, baseline.kept(CLUSTER, Recorder(tmp_path / "case")):
        if during == "before":  # it is over, and has put back what it took away
            others.close()
            world["DestinationRule"].extend(rules)
    (event,) = read_lines(tmp_path / "case" / "events.ndjson")
    assert event["kind"] == "note"
    assert "other cases ran beside this one" in event["text"]


def test_many_differences_are_told_in_part(world: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(NotAsBefore) as left, baseline.kept(CLUSTER, Recorder(tmp_path / "case")):
        world["Pod"] = [item("Pod", "shop", f"debug-{number}", spec={}) for number in range(40)]
    assert "… and 28 more" in left.value.why


def test_what_goes_with_its_namespace_is_no_difference(world: dict[str, Any]) -> None:
    """Seen live: an earlier test had deleted its namespace, and its objects went while the next experiment ran."""
    left = item("Namespace", None, "round-trip-1")
    left["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:01Z"
    world["Namespace"] = [left]
    world["Pod"] = [item("Pod", "round-trip-1", "keeper", spec={})]
    before = baseline.take(CLUSTER)
    world["Pod"].clear()
    assert baseline.differences(before, baseline.take(CLUSTER)) == []
    world["Pod"] = [item("Pod", "shop", "keeper", spec={})]
    assert baseline.differences(before, baseline.take(CLUSTER)) == ["Pod shop/keeper is new"]
