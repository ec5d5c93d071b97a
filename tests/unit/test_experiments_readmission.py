"""Nobody is kept out when a case begins that needs so, and what was done for it is told."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from experiments import readmission, running
from experiments.radius import Radius, Thing
from experiments.record import Recorder

NEEDS = Radius(disturbs=frozenset(), needs=frozenset({Thing.EJECTIONS}))
OUT = {"app-1": SimpleNamespace(name="app-1", namespace="shop", uid="u1")}


def test_who_is_kept_out_is_read_from_every_cluster_of_a_proxy() -> None:
    upstreams = {
        "outbound|8080||app.shop.svc.cluster.local": {
            "10.244.1.7:8080::health_flags": "/failed_outlier_check",
            "10.244.1.8:8080::health_flags": "healthy",
            "10.244.1.9:8080::rq_error": "3",
        },
        "outbound|8080||api.shop.svc.cluster.local": {
            "10.244.2.7:8080::health_flags": "/failed_active_hc/failed_outlier_check"
        },
    }
    assert sorted(readmission.ejected(upstreams)) == ["10.244.1.7", "10.244.2.7"]
    assert not list(readmission.ejected({}))


class Pods:
    """An API server that notes which pods it was asked to evict, and whose uid they must have; `budget` are."""

    budget = 1

    def __init__(self) -> None:
        self.evicted: list[tuple[str, str]] = []

    def create_namespaced_pod_eviction(self, name: str, namespace: str, body: Any, **_: Any) -> None:
        if len(self.evicted) >= self.budget:
            raise ApiException(status=429)
        self.evicted.append((f"{namespace}/{name}", body["deleteOptions"]["preconditions"]["uid"]))


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> Pods:
    monkeypatch.setattr(readmission, "EVERY_S", 0.01)
    monkeypatch.setattr(running, "cases", lambda _: [])
    return Pods()


def settle(monkeypatch: pytest.MonkeyPatch, folder: Path, core: Pods, radius: Radius, *looks: dict[str, Any]) -> str:
    answers: Iterator[dict[str, Any]] = iter(looks)
    monkeypatch.setattr(readmission, "kept_out", lambda _: next(answers))
    cluster = SimpleNamespace(name="test", core=core)
    recorder = Recorder(folder)
    readmission.settle(cluster, radius, recorder)  # type: ignore[arg-type]
    recorder.close()
    assert next(answers, None) is None, "it looked fewer times than it should have"
    events = folder / "events.ndjson"
    return events.read_text() if events.exists() else ""


def test_who_is_kept_out_is_replaced_and_awaited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, core: Pods) -> None:
    told = settle(monkeypatch, tmp_path, core, NEEDS, OUT, OUT, OUT, {})
    assert core.evicted == [("shop/app-1", "u1")]
    assert "kept out before it began, replaced for" in told
    assert "app-1" in told


def test_nobody_is_replaced_while_another_case_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, core: Pods
) -> None:
    monkeypatch.setattr(running, "cases", lambda _: [SimpleNamespace(run="another's")])
    assert "waited for" in settle(monkeypatch, tmp_path, core, NEEDS, OUT, OUT, {})
    assert not core.evicted


def test_a_case_that_does_not_need_it_is_not_held_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, core: Pods
) -> None:
    nothing = Radius(disturbs=frozenset({Thing.EJECTIONS}), needs=frozenset())
    assert settle(monkeypatch, tmp_path, core, nothing) == ""
    assert settle(monkeypatch, tmp_path, core, NEEDS, {}) == ""
    assert not core.evicted


def test_who_stays_out_does_not_keep_the_case_from_running(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, core: Pods
) -> None:
    monkeypatch.setattr(readmission, "WITHIN_S", 0)
    told = settle(monkeypatch, tmp_path, core, NEEDS, OUT, OUT)
    assert "app-1" in told
