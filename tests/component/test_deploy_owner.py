"""Whose cluster it is: what its stamp says, and what is not taken for one."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.cluster import Identity
from deploy.errors import Problem
from deploy.kind import owner


class FakeCluster:
    """A cluster that says who it is and what its stamp says."""

    name, context = "x", "kind-x"

    def __init__(self, stamp: str | None, uid: str = "u1") -> None:
        data = None if stamp is None else {"identity": stamp}
        self.core = SimpleNamespace(read_namespaced_config_map=lambda *_, **__: SimpleNamespace(data=data))
        self.uid = uid

    def identity(self, **_: float) -> Identity:
        return Identity("https://127.0.0.1:1", self.uid)


STAMP = json.dumps({"api_address": "https://127.0.0.1:1", "kube_system_uid": "u1"})


def test_a_cluster_with_our_stamp_is_ours() -> None:
    assert owner.assert_ours(FakeCluster(STAMP)).kube_system_uid == "u1"  # type: ignore[arg-type]


@pytest.mark.parametrize("stamp", [None, STAMP, "no json", "[]", "{}"])
def test_without_a_stamp_or_with_that_of_another_cluster_it_is_not(stamp: str | None) -> None:
    cluster: Any = FakeCluster(stamp, uid="u2")
    with pytest.raises(Problem, match="kind-x") as caught:
        owner.assert_ours(cluster, frozenset({"kind-y"}))
    assert "--allow-disruption=kind-x" in caught.value.fix
    assert owner.assert_ours(cluster, frozenset({"kind-x"})).kube_system_uid == "u2"


def test_a_missing_stamp_and_a_silent_server_are_told_apart() -> None:
    from kubernetes.client import ApiException

    def answer(status: int) -> Any:
        def read(*_: Any, **__: Any) -> Any:
            raise ApiException(status=status)

        return SimpleNamespace(name="x", core=SimpleNamespace(read_namespaced_config_map=read))

    assert owner.facts(answer(404)) == {}
    with pytest.raises(Problem, match="does not answer"):
        owner.facts(answer(503), within_s=0)
