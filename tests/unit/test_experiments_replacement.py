"""Pods that are deleted and containers that are killed: what counts as proof, and what is not taken for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deploy.errors import Problem
from deploy.waiting import NotSo
from experiments import guard, pods, session, undo
from experiments.actions import replacement
from experiments.drivers import containers, docker_nodes
from experiments.pods import Pod


def pod(app: str, number: int, uid: str, *, ready: bool = True) -> Pod:
    return Pod(
        "tracing", f"{app}-{number}", uid, "10.0.0.1", "node", running=True, leaving=False, ready=ready, sidecar=False
    )


class World:
    """A cluster whose controllers replace what is deleted, and what was recorded."""

    def __init__(self) -> None:
        self.there = {"store": [pod("store", 0, "s0")], "sink": [pod("sink", k, f"c{k}") for k in range(3)]}
        self.deleted: list[str] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.renews = True
        self.core = SimpleNamespace(delete_namespaced_pod=self.delete)
        self.name = "x"

    def delete(self, name: str, _namespace: str, body: Any, **_: Any) -> None:
        self.deleted.append(body["preconditions"]["uid"])
        app = name.partition("-")[0]
        left = [each for each in self.there[app] if each.name != name]
        fresh = [pod(app, 9, f"new-{len(self.deleted)}")] if self.renews else []
        self.there[app] = left + fresh

    def find(self, _cluster: Any, _namespace: str, selector: str = "") -> list[Pod]:
        return self.there.get(selector.removeprefix("app="), [])

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.events if name == kind]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    recorder = SimpleNamespace(event=lambda kind, **fields: made.events.append((kind, fields)))
    running: Any = SimpleNamespace(cluster=made, recorder=recorder, ledger=None)
    monkeypatch.setattr(session, "current", lambda: running)
    monkeypatch.setattr(pods, "find", made.find)
    for name in ("permit", "unchanged"):
        monkeypatch.setattr(guard, name, lambda _: None)
    monkeypatch.setattr(undo, "require_rights", lambda *_: None)
    return made


def test_every_pod_of_each_workload_is_replaced_in_the_order_given(world: World) -> None:
    proof = replacement.replace_pods("tracing", ["store", "sink"], within_s=5)
    assert world.deleted == ["s0", "c0", "c1", "c2"]
    assert (proof["acted"], proof["observed"]["left"], proof["observed"]["ready"]) == (
        True,
        [],
        {"store": 1, "sink": 3},
    )
    (started,) = world.of("fault.started")
    assert started["target"]["workloads"] == {"store": 1, "sink": 3}
    assert [kind for kind, _ in world.events] == ["fault.intent", "fault.started", "fault.ended", "fault.proof"]


def test_one_replica_is_deleted_and_the_others_are_left_alone(world: World) -> None:
    assert replacement.delete_replicas("tracing", "sink", 1, within_s=5)["acted"]
    assert len(world.deleted) == 1
    assert world.of("fault.started")[0]["target"]["workloads"] == {"sink": 1}


def test_a_replica_in_whose_place_nobody_comes_is_not_replaced(world: World) -> None:
    world.renews = False
    with pytest.raises(NotSo, match="to be Ready again"):
        replacement.delete_replicas("tracing", "sink", 1, within_s=0.01)
    assert world.of("fault.ended") == world.of("fault.proof") == []


def test_nothing_is_deleted_where_a_workload_has_no_pod_that_is_ready(world: World) -> None:
    world.there["store"] = [pod("store", 0, "s0", ready=False)]
    with pytest.raises(Problem, match="no pod of store"):
        replacement.replace_pods("tracing", ["sink", "store"], within_s=1)
    assert world.deleted == []


def kubelet(name: str, container: str, *, ended: str = "", exit_code: int | None = None, ready: bool = True) -> Any:
    """A pod as the API server tells it."""
    last = SimpleNamespace(terminated=SimpleNamespace(container_id=ended, exit_code=exit_code) if ended else None)
    other = SimpleNamespace(name="other", container_id="containerd://o", ready=True, last_state=last)
    status = SimpleNamespace(name="sink", container_id=container, ready=ready, last_state=last)
    meta = SimpleNamespace(name=name)
    return SimpleNamespace(
        metadata=meta,
        spec=SimpleNamespace(node_name=f"node-{name}"),
        status=SimpleNamespace(container_statuses=[other, status]),
    )


@pytest.mark.parametrize(
    ("exit_code", "ended", "acted"),
    [(137, "containerd://a0", True), (0, "containerd://a0", False), (137, "containerd://older", False)],
    ids=["killed", "ended by itself", "an earlier one was killed"],
)
def test_the_very_container_must_have_been_killed(
    world: World, monkeypatch: pytest.MonkeyPatch, exit_code: int, ended: str, acted: Any
) -> None:
    looks = [[kubelet("p0", "containerd://a0"), kubelet("p1", "containerd://b0")]]
    looks += [[kubelet("p0", "containerd://a0"), kubelet("p1", "", ready=False)]]
    looks += [
        [
            kubelet("p0", "containerd://a1", ended=ended, exit_code=exit_code),
            kubelet("p1", "containerd://b1", ended="containerd://b0", exit_code=137),
        ]
    ]
    killed: list[Any] = []
    monkeypatch.setattr(world, "pods", lambda *_: looks.pop(0), raising=False)
    monkeypatch.setattr(containers, "kill", killed.append)
    proof = replacement.kill_containers("tracing", "sink", "sink", within_s=5)
    assert killed == [{"node-p0": ["containerd://a0"], "node-p1": ["containerd://b0"]}]
    assert (proof["acted"], proof["by"]) == (acted, "kubelet")


def test_nothing_is_killed_while_a_container_is_not_ready(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "pods", lambda *_: [kubelet("p0", "containerd://a0", ready=False)], raising=False)
    with pytest.raises(Problem, match="not every container sink"):
        replacement.kill_containers("tracing", "sink", "sink", within_s=1)
    assert world.events == []


def test_containers_are_killed_by_their_own_nodes_containerd(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, str] = {}
    monkeypatch.setattr(docker_nodes, "run_on", lambda nodes, script: asked.update({nodes[0]: script}))
    containers.kill({"n1": ["containerd://a", "containerd://b"], "n2": ["containerd://c"]})
    kill = "ctr --namespace k8s.io tasks kill --signal SIGKILL"
    assert asked == {"n1": f"set -e\n{kill} a\n{kill} b", "n2": f"set -e\n{kill} c"}
