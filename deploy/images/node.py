"""The kind node image with every other image baked in: a cluster boots from it without loading or pulling anything."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.errors import Problem
from deploy.images import docker, programs, recipes
from deploy.images.catalogue import Catalogue, Image
from deploy.shell import run
from deploy.waiting import NotSo, eventually

LIFE_S = "3600"
# kind gives each node a volume for /var, into which the engine copies what the image has there: 2.7 GB of layers for
# each of four nodes, and as much to delete in the end. Outside /var they stay in the image, which all nodes share.
CONTENT, SHARED = "/var/lib/containerd/io.containerd.content.v1.content", "/kind/content"
STOP = (
    "pkill -TERM -x containerd; while pgrep -x containerd >/dev/null; do sleep 0.1; done; rm -rf /run/containerd; "
    f"mv {CONTENT} {SHARED} && ln -s {SHARED} {CONTENT}"
)
INIT = ["--change", 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]', "--change", "CMD []"]


def build_base(catalogue: Catalogue, base: str) -> str:
    """Builds the node's root file system without images and returns its reference.

    Args:
        catalogue: names the programs and files of the node.
        base: reference of the Debian image.
    """
    node = catalogue.node
    image = Image(name="node", extra=node.extra, programs=node.programs)
    with tempfile.TemporaryDirectory(prefix="image-node-") as folder:
        context = Path(folder)
        files = {f"bin/{name}": programs.program(catalogue, name) for name in node.programs}
        recipes.assemble(context, image.folder, files, node.extra)
        arguments = {"BASE": base, "VERSION": node.version, "PAUSE": catalogue.get("pause").node_tag or ""}
        return recipes.build_context("node-base", context, arguments)


def bake(node_base: str, tags: Mapping[str, str], say: Callable[[str], None]) -> str:
    """Puts images into a node image and returns its reference.

    Args:
        node_base: the node image to start from, ours or the public one.
        tags: reference in the engine -> name inside the node.
        say: is told what is being done.
    """
    identities = [f"{name}={_identity(reference)}" for reference, name in sorted(tags.items())]
    content = hashlib.sha256("\n".join([STOP, _identity(node_base), *identities]).encode()).hexdigest()[:16]
    reference = f"{docker.PREFIX}/node:{content}"
    if docker.exists(reference):
        return reference
    say(f"baking {len(tags)} images into the node image")
    for local, name in tags.items():
        if local != name:
            run(["docker", "tag", local, name], what=f"naming {name}")
    with _container(node_base) as container:
        _start_containerd(container)
        docker.copy_into(container, sorted(set(tags.values())))
        _stop_containerd(container)
        run(["docker", "commit", *INIT, container, reference], what="keeping the node image", timeout_s=600)
    return reference


def _identity(reference: str) -> str:
    return run(["docker", "image", "inspect", "--format", "{{.Id}}", reference], what=f"looking at {reference}").strip()


@contextmanager
def _container(image: str) -> Iterator[str]:
    name = f"resilience-bake-{uuid.uuid4().hex[:8]}"
    argv = ["docker", "run", "--detach", "--privileged", "--security-opt=seccomp=unconfined", "--entrypoint=sleep"]
    try:
        # It ends and goes by itself: after kill -9 nobody else would remove it.
        run([*argv, "--rm", "--name", name, image, LIFE_S], what="starting a container to bake images in")
        yield name
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, check=False)


def _start_containerd(container: str) -> None:
    run(["docker", "exec", "--detach", container, "containerd"], what="starting containerd in the node image")
    ready = ["docker", "exec", container, "ctr", "version"]
    try:
        eventually(lambda: run(ready, what="asking containerd"), bool, within_s=30, what="containerd to answer")
    except NotSo as error:
        raise Problem("containerd does not start in the node image", why=str(error), fix="run again") from error


def _stop_containerd(container: str) -> None:
    run(["docker", "exec", container, "sh", "-c", STOP], what="stopping containerd in the node image", timeout_s=60)
