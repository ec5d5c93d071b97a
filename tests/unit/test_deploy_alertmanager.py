"""Alertmanager's settings reach a standing cluster when they change, and never replace an operator's."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import ApiException

from deploy import credentials, manifests
from deploy.observability.prometheus.component import COMPONENT, Prometheus

if TYPE_CHECKING:
    from collections.abc import Callable

type Store = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(COMPONENT.folder / "alertmanager.yml", tmp_path)
    return tmp_path


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Store:
    """The Secret as the cluster has it: empty when there is none."""
    live: Store = {}

    def put(_cluster: Any, _place: Any, _name: str, data: dict[str, str], *, annotations: dict[str, str]) -> None:
        live.update(data={key: base64.b64encode(value.encode()).decode() for key, value in data.items()})
        live.update(annotations=annotations, writes=live.get("writes", 0) + 1)

    monkeypatch.setattr(credentials, "put", put)
    return live


@pytest.fixture
def deploy(folder: Path, secret: Store) -> Callable[[], str]:
    """Prepares the component as `up` does; returns what Alertmanager would read."""

    def read(*_: Any, **__: Any) -> Any:
        if not secret:
            raise ApiException(404, "not found")
        metadata = SimpleNamespace(annotations=secret["annotations"])
        return SimpleNamespace(data=secret["data"], metadata=metadata)

    cluster: Any = SimpleNamespace(core=SimpleNamespace(read_namespaced_secret=read))

    def run() -> str:
        Prometheus("prometheus", folder).prepare(cluster)
        return base64.b64decode(secret["data"]["alertmanager.yml"]).decode()

    return run


def test_a_change_reaches_a_secret_that_nobody_else_wrote(folder: Path, secret: Store, deploy: Any) -> None:
    assert deploy() == (folder / "alertmanager.yml").read_text()
    (folder / "alertmanager.yml").write_text("route: other\n")
    assert deploy() == "route: other\n"
    assert secret["writes"] == 2


@pytest.mark.parametrize("loses_annotations", [True, False], ids=["replaced", "edited"])
def test_what_an_operator_wrote_stays(folder: Path, secret: Store, deploy: Any, *, loses_annotations: bool) -> None:
    deploy()
    secret["data"] = {"alertmanager.yml": base64.b64encode(b"route: ours\n").decode()}
    if loses_annotations:
        secret["annotations"] = None
    (folder / "alertmanager.yml").write_text("route: other\n")
    assert deploy() == "route: ours\n"


def test_other_settings_start_alertmanager_anew_and_nothing_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made() -> list[Any]:
        names = ("alertmanager", "prometheus")
        return [{"kind": "Deployment", "metadata": {"name": n}, "spec": {"template": {"metadata": {}}}} for n in names]

    monkeypatch.setattr(manifests, "render", lambda *_: made())
    before = Prometheus("prometheus", folder).render({})
    (folder / "alertmanager.yml").write_text("route: other\n")
    after = Prometheus("prometheus", folder).render({})
    assert before[0] != after[0]
    assert before[1] == after[1] == made()[1]
