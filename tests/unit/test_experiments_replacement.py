"""Pods that are deleted: what counts as proof, and what is not taken for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deploy.errors import Problem
from experiments import guard, pods, session, undo
from experiments.actions import replacement
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


def test_nothing_is_deleted_where_a_workload_has_no_pod_that_is_ready(world: World) -> None:
    world.there["store"] = [pod("store", 0, "s0", ready=False)]
    with pytest.raises(Problem, match="no pod of store"):
        replacement.replace_pods("tracing", ["sink", "store"], within_s=1)
    assert world.deleted == []
