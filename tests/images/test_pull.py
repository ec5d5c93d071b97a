"""Images come from a registry as they were put there, under their public names, and never as something else.

Method: a registry on this machine stands for the public ones and holds the built images under their public names; the
pull path is pointed at it as at any mirror. A failure means that a machine with a registry would run other images than
the catalogue says, or would not be told why it has none. Needs Docker and one earlier build of the images, no cluster.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.errors import Problem
from deploy.images import catalogue, docker, node, programs, sources
from deploy.images.catalogue import Catalogue
from deploy.shell import run
from tests.images.registry import Registry, all_names, forget, free_port, identity, names_restored, newest, serving

pytestmark = [pytest.mark.live, pytest.mark.images, pytest.mark.smoke]

SMALL = ("debian", "jaeger-es-rollover", "metrics-server", "vpa-recommender")
ABSENT = "registry.k8s.io/resilience-suite/no-such-image:v1.0.0"


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    if not programs.program(catalogue.load(), "crane").exists():
        programs.build(catalogue.load(), ["crane"])
    with serving() as registry:
        yield registry


def built(name: str) -> str:
    found = newest(name)
    if not found:
        pytest.skip(f"no image {name} was built on this machine: make images --images build")
    return found


def public_name(name: str) -> str:
    return (catalogue.load().get(name).pull or "").partition("@")[0]


@pytest.mark.parametrize("name", SMALL)
def test_the_pulled_image_is_the_one_that_was_pushed_under_its_public_name(registry: Registry, name: str) -> None:
    image, public = built(name), public_name(name)
    with names_restored(public):
        assert docker.pull(registry.push(image, public), mirror=registry.address) == public
        assert identity(public) == identity(image)


def test_an_exact_version_without_a_digest_is_pulled_too(registry: Registry) -> None:
    image, public = built("metrics-server"), public_name("metrics-server")
    registry.push(image, public)
    with names_restored(public):
        assert docker.pull(public, mirror=registry.address) == public
        assert identity(public) == identity(image)


def test_an_image_that_the_engine_does_not_hold_is_fetched(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY content /content\n")
    (tmp_path / "content").write_text(str(tmp_path))
    with names_restored(ABSENT):
        docker.build(tmp_path, ABSENT, {})
        pinned, pushed = registry.push(ABSENT, ABSENT), identity(ABSENT)
        run(["docker", "image", "rm", ABSENT, *registry.held[-2:-1]], what="forgetting the image")
        assert not docker.exists(pushed), "the engine still holds it: pulling it would prove nothing"
        docker.pull(pinned, mirror=registry.address)
        assert identity(ABSENT) == pushed


def test_another_digest_than_the_pinned_one_is_refused(registry: Registry) -> None:
    registry.push(built("metrics-server"), ABSENT)
    with pytest.raises(Problem) as problem, names_restored(ABSENT):
        docker.pull(f"{ABSENT}@sha256:{'0' * 64}", mirror=registry.address)
    assert "0" * 64 in problem.value.what
    assert "manifest unknown" in problem.value.why.lower()
    assert not docker.exists(ABSENT)


def test_a_version_that_the_mirror_lacks_is_named(registry: Registry) -> None:
    with pytest.raises(Problem) as problem:
        docker.pull(ABSENT.replace("v1.0.0", "v9.9.9"), mirror=registry.address)
    assert f"{registry.address}/resilience-suite/no-such-image:v9.9.9" in problem.value.what
    assert "unknown" in problem.value.why.lower()


def test_a_registry_that_does_not_answer_is_told_within_seconds() -> None:
    mirror, begin = f"127.0.0.1:{free_port()}", time.monotonic()
    with pytest.raises(Problem) as problem:
        docker.pull(ABSENT, mirror=mirror)
    assert mirror in problem.value.what
    assert "connection refused" in problem.value.why
    assert "--mirror" in problem.value.fix
    assert time.monotonic() - begin < 10


@pytest.mark.slow
def test_everything_from_a_registry_makes_a_node_image_with_everything_in_it(registry: Registry) -> None:
    mirrored, before = _mirrored(registry), all_names()
    public = [image.pull.partition("@")[0] for image in mirrored.image.values() if image.pull]
    with names_restored(*public, mirrored.node.pull.partition("@")[0]):
        # Not `ensure`: it would remember these images as what the public registries have.
        images = sources._pull(mirrored, print, registry.address)
        try:
            assert {images.references[name] for name in SMALL} <= set(public)
            assert set(images.references.values()) <= _inside(images.node)
        finally:
            forget({images.node, *images.references.values()} - before)


def _mirrored(registry: Registry) -> Catalogue:
    """Returns the catalogue with the digests of the built images, all of which the registry holds afterwards."""
    real = catalogue.load()
    image = {
        name: entry.model_copy(update={"pull": registry.push(built(name), entry.pull)} if entry.pull else {})
        for name, entry in real.image.items()
    }
    pull = registry.push(built("node-base"), real.node.pull)
    return real.model_copy(update={"image": image, "node": real.node.model_copy(update={"pull": pull})})


def _inside(node_image: str) -> set[str]:
    """Returns the names of the images in a node image, as its own containerd lists them."""
    with node._container(node_image) as container:
        node._start_containerd(container)
        listed = run(["docker", "exec", container, "ctr", "-n", "k8s.io", "images", "ls", "-q"], what="listing images")
    return set(listed.split())
