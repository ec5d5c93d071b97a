"""What a figure was measured with: enough to compare it and to measure it again."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy import preflight
from deploy.preflight import Finding
from experiments import environment
from experiments.drivers import docker_nodes


def container(image: str, digest: str) -> Any:
    return SimpleNamespace(image=image, image_id=digest)


def pod(*running: Any, init: Any = None) -> Any:
    return SimpleNamespace(
        status=SimpleNamespace(container_statuses=list(running) or None, init_container_statuses=init)
    )


def test_images_are_told_by_what_really_runs() -> None:
    found = environment.images(
        [
            pod(
                container("shop:1", "sha256:aa"),
                container("proxy:2", "sha256:cc"),
                init=[container("proxy:2", "sha256:cc")],
            ),
            pod(container("shop:1", "sha256:bb")),
            pod(),
        ]
    )
    assert found == {"proxy:2": ["sha256:cc"], "shop:1": ["sha256:aa", "sha256:bb"]}


def test_documents_controls_and_targets_are_told_by_their_hash() -> None:
    found = environment.digests()
    assert {"experiments/mesh/ejection.yaml", "tests/targets.toml"} <= set(found)
    assert any(name.startswith("tests/controls/") for name in found)
    assert all(len(digest) == 64 for digest in found.values())


def test_a_kernel_is_told_by_what_it_was_seen_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = [
        Finding("netem", "limited", "no sch_netem"),
        Finding("cgroup", "ok", "version 2"),
        Finding("go", "ok", ""),
    ]
    monkeypatch.setattr(preflight, "check", lambda *_, **__: findings)
    monkeypatch.setattr(docker_nodes, "nf_tables", lambda nodes: f"there, on {nodes[0]}")
    found = environment.kernel_features("c", ["w1"])
    assert found.pop("pressure") in {"there", "not there"}
    assert found == {"netem": "no sch_netem", "cgroup": "version 2", "nf_tables": "there, on w1"}


def test_it_is_written_once_for_each_run_and_beside_what_is_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def images(_: Any) -> dict[str, list[str]]:
        calls.append("asked")
        return {"shop:1": ["sha256:aa"]}

    monkeypatch.setattr(environment, "images", images)
    monkeypatch.setattr(environment, "kernel_features", lambda *_: {})
    info = SimpleNamespace(kubelet_version="v1", container_runtime_version="containerd://2")
    node = SimpleNamespace(metadata=SimpleNamespace(name="w1"), status=SimpleNamespace(node_info=info))
    core = SimpleNamespace(
        list_node=lambda **_: SimpleNamespace(items=[node]),
        list_pod_for_all_namespaces=lambda **_: SimpleNamespace(items=[]),
    )
    identity = SimpleNamespace(api_address="https://127.0.0.1:1", kube_system_uid="u")
    cluster: Any = SimpleNamespace(
        name="c", context="kind-c", core=core, identity=lambda: identity, zone_of=lambda _: "us-east-1a"
    )
    environment.expect(tmp_path / "run", ["mesh.mtls", "mesh.ejection"])
    environment.write(tmp_path / "run", cluster)
    environment.write(tmp_path / "run", cluster)
    facts = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert facts["expected_cases"] == ["mesh.ejection", "mesh.mtls"]
    assert facts["cluster"]["nodes"] == {"w1": "us-east-1a"}
    assert facts["images"] == {"shop:1": ["sha256:aa"]}
    assert facts["seed"]
    assert len(facts["suite"]["commit"]) in {0, 40}
    assert calls == ["asked"]
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700
