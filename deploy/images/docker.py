"""The few Docker commands that the image sources need."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from deploy.errors import Problem
from deploy.shell import run, succeeds, tail

PREFIX = "resilience.local"


def exists(reference: str) -> bool:
    """Says whether the engine holds an image."""
    return succeeds(["docker", "image", "inspect", reference])


def build(context: Path, reference: str, arguments: Mapping[str, str]) -> None:
    """Builds a context; the host's network is used, because package registries may be reachable only from there."""
    words = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    run(
        ["docker", "build", "--quiet", "--network=host", "--force-rm", *words, "--tag", reference, context],
        what=f"building the image {reference}",
        fix="look at the last step named above; packages come from the distribution's and the language's registries",
        timeout_s=1800,
    )


def pull(reference: str, *, mirror: str | None = None) -> str:
    """Pulls a public reference and returns it; through a mirror the public name is kept.

    Args:
        reference: registry/repository:version[@digest].
        mirror: host[:port] that serves repositories under their public path, as pull-through caches do.

    Raises:
        Problem: the registry cannot be reached, or does not have that version or digest.
    """
    source = reference if mirror is None else f"{mirror}/{reference.split('/', 1)[1]}"
    name, _, digest = source.partition("@")
    wanted = f"{name.rsplit(':', 1)[0]}@{digest}" if digest else name
    run(
        ["docker", "pull", "--quiet", wanted],
        what=f"pulling {source}",
        fix="check the network and the registry, name a mirror with --mirror, or build the images with --images build",
        timeout_s=900,
    )
    local = reference.partition("@")[0]
    run(["docker", "tag", wanted, local], what=f"naming {local}")
    return local


def copy_into(container: str, references: list[str]) -> None:
    """Streams images from the engine into the containerd of a running container."""
    with subprocess.Popen(["docker", "save", *references], stdout=subprocess.PIPE) as saved:
        loaded = subprocess.run(
            ["docker", "exec", "-i", container, "ctr", "-n", "k8s.io", "images", "import", "--no-unpack", "-"],
            stdin=saved.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
    if loaded.returncode or saved.returncode:
        raise Problem("the images could not be put into the node image", why=tail(loaded.stderr), fix="run again")
