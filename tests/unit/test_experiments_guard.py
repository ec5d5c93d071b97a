"""The guard: only a cluster that is ours or was named, and only the one that the run began with."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from deploy.errors import Problem
from deploy.kind import owner
from experiments import guard


@dataclass
class Identity:
    """Which cluster answers."""

    api_address: str
    kube_system_uid: str


@dataclass
class FakeCluster:
    """A cluster that can only say who it is."""

    address: str = "https://127.0.0.1:6443"
    uid: str = "a"
    context: str = "kind-resilience"

    def identity(self) -> Any:
        return Identity(self.address, self.uid)


@pytest.fixture(autouse=True)
def nothing_pinned(monkeypatch: Any) -> None:
    monkeypatch.setenv(guard.PINNED, "")
    monkeypatch.delenv(guard.PINNED)
    monkeypatch.delenv(guard.ALLOW, raising=False)


def test_nothing_is_injected_before_a_cluster_was_pinned() -> None:
    with pytest.raises(Problem, match="no cluster was pinned"):
        guard.unchanged(FakeCluster())


def test_the_cluster_of_the_run_is_permitted() -> None:
    guard.pin(FakeCluster())
    guard.unchanged(FakeCluster())


@pytest.mark.parametrize(
    "now", [FakeCluster(uid="b"), FakeCluster(address="https://prod.example:6443")], ids=["re-created", "other address"]
)
def test_another_cluster_under_the_same_context_is_refused(now: Any) -> None:
    guard.pin(FakeCluster())
    with pytest.raises(Problem, match="another cluster answers"):
        guard.unchanged(now)


def test_a_child_process_keeps_what_its_parent_pinned(monkeypatch: Any) -> None:
    monkeypatch.setenv(guard.PINNED, "https://127.0.0.1:6443|parent")
    guard.pin(FakeCluster(uid="b"))
    with pytest.raises(Problem, match="another cluster answers"):
        guard.unchanged(FakeCluster(uid="b"))


def test_the_owner_is_asked_each_time_with_the_contexts_that_were_named(monkeypatch: Any) -> None:
    asked = []
    monkeypatch.setattr(owner, "assert_ours", lambda cluster, allow: asked.append((cluster.context, allow)))
    monkeypatch.setenv(guard.ALLOW, "staging, kind-other")
    cluster: Any = FakeCluster()
    guard.pin(cluster)
    guard.permit(cluster)
    guard.permit(cluster)
    assert asked == [("kind-resilience", frozenset({"staging", "kind-other"}))] * 2


def test_a_cluster_that_is_not_ours_is_refused(monkeypatch: Any) -> None:
    def not_ours(cluster: Any, allow: Any) -> None:
        raise Problem("not made by this suite")

    monkeypatch.setattr(owner, "assert_ours", not_ours)
    guard.pin(FakeCluster())
    with pytest.raises(Problem, match="not made by this suite"):
        guard.permit(cast("Any", FakeCluster()))
