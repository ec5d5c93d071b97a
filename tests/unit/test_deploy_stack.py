"""What a changed set of components takes away from a cluster, and what it must not."""

from __future__ import annotations

from typing import Any

import pytest

from deploy import apply, stack
from deploy.errors import Problem
from deploy.stack import Applied


@pytest.fixture
def pruned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    deleted: list[str] = []
    monkeypatch.setattr(apply, "prune", lambda _cluster, gone: deleted.extend(gone))
    return deleted


def known(monkeypatch: pytest.MonkeyPatch, **components: Applied) -> dict[str, Applied]:
    state = dict(components)
    monkeypatch.setattr(stack, "_applied", lambda _cluster: dict(state))
    monkeypatch.setattr(stack, "_remember", lambda _cluster, name, value: state.update({name: value}))
    return state


def test_what_no_component_has_any_longer_is_deleted_and_then_forgotten(
    monkeypatch: pytest.MonkeyPatch, pruned: list[str]
) -> None:
    cluster: Any = object()
    state = known(monkeypatch, a=Applied("1", ["Service./ns/new"], ["Service./ns/old"]))
    stack._prune(cluster)
    assert pruned == ["Service./ns/old"]
    assert state["a"] == Applied("1", ["Service./ns/new"], [])


def test_an_object_that_moved_to_another_component_stays(monkeypatch: pytest.MonkeyPatch, pruned: list[str]) -> None:
    cluster: Any = object()
    moved = "Service./ns/moved"
    known(monkeypatch, a=Applied("1", [], [moved]), b=Applied("2", [moved], []))
    stack._prune(cluster)
    assert pruned == []


@pytest.mark.parametrize("variable", ["RESILIENCE_KUBECONFIG", "RESILIENCE_CONTEXT"])
def test_up_refuses_to_make_a_cluster_while_the_environment_names_another(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "somewhere")
    with pytest.raises(Problem, match=variable):
        stack.up("never-made")
