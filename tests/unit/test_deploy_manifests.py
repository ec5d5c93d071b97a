"""Manifests: images by logical name, errors that name the place, and what is pruned."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy import apply, manifests
from deploy.errors import Problem
from deploy.manifests import key, parse, with_images

REFERENCES = {"shop": "r/shop:1", "debian": "r/debian:1"}
FOLDER = Path("/x/data")


def pod(image: str = "shop") -> dict[str, Any]:
    return {"initContainers": [{"name": "i", "image": "debian"}], "containers": [{"name": "c", "image": image}]}


def item(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "n", "namespace": "ns"}, "spec": spec}


WORKLOADS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "Deployment": lambda spec: {"template": {"spec": spec}},
    "StatefulSet": lambda spec: {"template": {"spec": spec}},
    "Job": lambda spec: {"template": {"spec": spec}},
    "CronJob": lambda spec: {"jobTemplate": {"spec": {"template": {"spec": spec}}}},
    "Pod": lambda spec: spec,
}


@pytest.mark.parametrize("kind", WORKLOADS)
def test_images_of_all_containers_are_replaced(kind: str) -> None:
    spec = pod()
    made = with_images(item(kind, WORKLOADS[kind](spec)), REFERENCES, FOLDER)
    assert made["spec"] == WORKLOADS[kind](
        {
            "initContainers": [{"name": "i", "image": "r/debian:1", "imagePullPolicy": "IfNotPresent"}],
            "containers": [{"name": "c", "image": "r/shop:1", "imagePullPolicy": "IfNotPresent"}],
        }
    )


def test_a_pull_policy_that_is_set_is_kept() -> None:
    spec = {"containers": [{"name": "c", "image": "shop", "imagePullPolicy": "Never"}]}
    made = with_images(item("Pod", spec), REFERENCES, FOLDER)
    assert made["spec"]["containers"][0]["imagePullPolicy"] == "Never"


def test_images_named_in_text_are_replaced() -> None:
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "n"},
        "data": {"f": "a ${image:shop} $HOME"},
    }
    assert with_images(config, REFERENCES, FOLDER)["data"]["f"] == "a r/shop:1 $HOME"


@pytest.mark.parametrize(
    "broken",
    [
        item("Deployment", {"template": {"spec": pod("nothing")}}),
        item("Deployment", {"template": {"spec": pod("docker.io/library/redis:7.2.4")}}),
        item("ConfigMap", {"text": "${image:nothing}"}),
        item("Pod", {"containers": [{"name": "c"}]}),
    ],
)
def test_an_image_outside_the_catalogue_is_a_problem_that_names_the_object(broken: dict[str, Any]) -> None:
    with pytest.raises(Problem, match=rf"data: {broken['kind']}/n uses the image"):
        with_images(broken, REFERENCES, FOLDER)


@pytest.mark.parametrize(
    "spec", [{"template": "text"}, {"template": {"address": "1"}}, {}, {"containers": [{"image": "x"}]}]
)
def test_what_is_not_a_pod_is_left_alone(spec: dict[str, Any]) -> None:
    assert with_images(item("WorkloadGroup", spec), REFERENCES, FOLDER)["spec"] == spec


def test_broken_yaml_names_the_line() -> None:
    with pytest.raises(Problem, match=r"x\.yaml: broken YAML") as caught:
        parse("a: 1\nb: [\nc: }", "x.yaml")
    assert "line 3" in caught.value.why


@pytest.mark.parametrize("text", ["hello", "- 1", "kind: Pod", "apiVersion: v1\nkind: Pod"])
def test_yaml_that_is_no_object_is_told(text: str) -> None:
    with pytest.raises(Problem, match="document 1 is not a Kubernetes object"):
        parse(text, "x.yaml")


def test_empty_documents_are_left_out() -> None:
    assert len(parse("---\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n", "x")) == 1


@pytest.mark.parametrize(
    ("version", "metadata", "wanted"),
    [
        ("v1", {"name": "a", "namespace": "ns"}, "K./ns/a"),
        ("apps/v1", {"name": "a", "namespace": "ns"}, "K.apps/ns/a"),
        ("rbac.authorization.k8s.io/v1", {"name": "system:a"}, "K.rbac.authorization.k8s.io//system:a"),
    ],
)
def test_a_key_tells_group_namespace_and_name(version: str, metadata: dict[str, str], wanted: str) -> None:
    assert key({"apiVersion": version, "kind": "K", "metadata": metadata}) == wanted


def test_a_rendering_is_kept_until_any_file_of_its_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "component"
    folder.mkdir()
    made: list[str] = []

    def make() -> list[dict[str, Any]]:
        made.append("once more")
        return [{"kind": "x"}]

    def render(*more: str) -> int:
        assert manifests.kept(manifests.fingerprint(folder, *more), make) == [{"kind": "x"}]
        return len(made)

    assert (render(), render()) == (1, 1)
    (folder / "redis.conf").write_text("port 1")
    assert (render(), render()) == (2, 2)
    (folder / "redis.conf").write_text("port 2")
    assert (render(), render("other references")) == (3, 4)
    assert not list((tmp_path / "cache").rglob(".*"))


class FakeCluster:
    """Notes what kubectl is asked to do."""

    def __init__(self, why: str = "") -> None:
        self.asked: list[tuple[str, ...]] = []
        self.why = why

    def kubectl(self, *args: str, **_: Any) -> str:
        self.asked.append(args)
        if self.why:
            raise Problem("kubectl failed", why=self.why)
        return ""


def test_prune_deletes_objects_in_their_namespace_or_in_none() -> None:
    cluster = FakeCluster()
    apply.prune(cluster, ["ClusterRole.rbac.authorization.k8s.io//old", "Service./ns/old"])  # type: ignore[arg-type]
    options = ("--ignore-not-found", "--wait=false")
    assert cluster.asked == [
        ("delete", "ClusterRole.rbac.authorization.k8s.io", "old", *options),
        ("delete", "Service", "old", "--namespace=ns", *options),
    ]


@pytest.mark.parametrize(
    "gone",
    [
        "PersistentVolumeClaim./ns/data",
        "PersistentVolume.//data",
        "Namespace.//shop",
        "CustomResourceDefinition.apiextensions.k8s.io//x",
    ],
)
def test_prune_keeps_what_would_take_data_along(gone: str) -> None:
    cluster = FakeCluster()
    apply.prune(cluster, [gone])  # type: ignore[arg-type]
    assert cluster.asked == []


def test_prune_does_not_mind_a_kind_that_is_gone_but_tells_any_other_failure() -> None:
    apply.prune(FakeCluster('the server doesn\'t have a resource type "X"'), ["X.y/ns/a"])  # type: ignore[arg-type]
    with pytest.raises(Problem, match=r"refused a manifest \(`kubectl delete`\)"):
        apply.prune(FakeCluster("Error from server (Forbidden): no"), ["X.y/ns/a"])  # type: ignore[arg-type]


def test_definitions_and_namespaces_come_first_and_a_refusal_is_told_at_once() -> None:
    kinds = ("Deployment", "Namespace", "CustomResourceDefinition")
    cluster = FakeCluster()
    apply.apply(cluster, [item(kind, {}) for kind in kinds])  # type: ignore[arg-type]
    assert [words[0] for words in cluster.asked] == ["apply", "wait", "apply"]
    refusing = FakeCluster("spec.replicas: Invalid value")
    with pytest.raises(Problem, match="refused a manifest") as caught:
        apply.apply(refusing, [item("Deployment", {})])  # type: ignore[arg-type]
    assert "spec.replicas" in caught.value.why
    assert len(refusing.asked) == 1


class FakeClusterThatRecovers(FakeCluster):
    """Gives its reason once, and does what it is asked from then on."""

    def kubectl(self, *args: str, **how: Any) -> str:
        try:
            return super().kubectl(*args, **how)
        finally:
            self.why = ""


@pytest.mark.parametrize(
    "why",
    [
        'error: error validating "STDIN": error validating data: Get "…/openapi/v2": context deadline exceeded',
        "error: resource mapping not found for …: no matches for kind",
        'Error from server (InternalError): failed calling webhook "validation.istio.io": connection refused',
        "Error from server (Conflict): the object has been modified",
    ],
)
def test_an_api_server_that_is_silent_or_not_yet_there_is_asked_again(why: str) -> None:
    deeds: list[Callable[[Any], None]] = [
        lambda cluster: apply.apply(cluster, [item("Deployment", {})]),
        lambda cluster: apply.delete(cluster, [item("Deployment", {})]),
        lambda cluster: apply.prune(cluster, ["Service./ns/old"]),
    ]
    for deed in deeds:
        cluster = FakeClusterThatRecovers(why)
        deed(cluster)
        assert len(cluster.asked) == 2
        assert cluster.asked[0] == cluster.asked[1]


@pytest.mark.parametrize(
    "why",
    [
        'error: error validating "STDIN": ValidationError(Deployment.spec): unknown field "replica"',
        'Error from server (BadRequest): strict decoding error: unknown field "spec.replica"',
        'Error from server: admission webhook "validation.istio.io" denied the request: no host',
        "error: You must be logged in to the server (Unauthorized)",
    ],
)
def test_an_api_server_that_refuses_is_not_asked_again(why: str) -> None:
    cluster = FakeClusterThatRecovers(why)
    with pytest.raises(Problem, match="refused a manifest"):
        apply.apply(cluster, [item("Deployment", {})])  # type: ignore[arg-type]


def test_a_shared_folder_that_is_included_counts_for_the_fingerprint(tmp_path: Path) -> None:
    shared, mine = tmp_path / "namespace", tmp_path / "mine"
    for folder in (shared, mine):
        folder.mkdir()
    (mine / "kustomization.yaml").write_text("resources: [../namespace]\n")
    (shared / "namespace.yaml").write_text("one")
    before = manifests.fingerprint(mine)
    (shared / "namespace.yaml").write_text("two")
    assert manifests.fingerprint(mine) != before
