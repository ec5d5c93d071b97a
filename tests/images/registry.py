"""A registry on this machine that holds built images under their public names, as a mirror of the public ones would."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from deploy.images import catalogue, docker, programs
from deploy.shell import run
from deploy.waiting import eventually


@dataclass
class Registry:
    """A registry that answers.

    Attributes:
        address: host:port, what --mirror takes.
        held: references in the engine that bear this registry's name; gone when it is.
    """

    address: str
    held: list[str] = field(default_factory=list)

    def push(self, local: str, public: str) -> str:
        """Stores an image of the engine under its public name and returns that name with the digest it has there."""
        name = public.partition("@")[0]
        here = f"{self.address}/{name.split('/', 1)[1]}"
        run(["docker", "tag", local, here], what=f"naming {here}")
        self.held.append(here)
        run(["docker", "push", here], what=f"pushing {here}", timeout_s=300)
        listed = run(["docker", "image", "inspect", "--format", '{{join .RepoDigests "\\n"}}', here], what="its digest")
        repository = here.rpartition(":")[0]
        (digest,) = [line.partition("@")[2] for line in listed.split() if line.startswith(f"{repository}@")]
        self.held.append(f"{repository}@{digest}")
        return f"{name}@{digest}"


@contextmanager
def serving() -> Iterator[Registry]:
    """Runs a registry; neither it nor its name nor what it held is there afterwards."""
    crane = programs.program(catalogue.load(), "crane")
    address = f"127.0.0.1:{free_port()}"  # the engine speaks plain HTTP to loopback addresses, and only to those
    with tempfile.TemporaryDirectory(prefix="registry-") as folder:
        argv = [str(crane), "registry", "serve", "--address", address, "--disk", folder]
        server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        registry = Registry(address)
        try:
            eventually(lambda: _listens(address), bool, within_s=10, what="the registry to answer")
            yield registry
        finally:
            forget(registry.held)
            server.terminate()
            server.wait(10)


@contextmanager
def names_restored(*references: str) -> Iterator[None]:
    """Gives names in the engine back to the images that had them; a name that was free is free again."""
    before = {name: identity(name) for name in references if docker.exists(name)}
    try:
        yield
    finally:
        for name in references:
            argv = ["tag", before[name], name] if name in before else ["image", "rm", name]
            subprocess.run(["docker", *argv], capture_output=True, check=False)


def identity(reference: str) -> str:
    """Returns the id of an image of the engine: the digest of its configuration, which names its layers."""
    argv = ["docker", "image", "inspect", "--format", "{{.Id}}", reference]
    return run(argv, what=f"looking at {reference}").strip()


def newest(name: str) -> str:
    """Returns the reference of the image that was last built under a logical name, "" if there is none."""
    argv = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{docker.PREFIX}/{name}"]
    return next(iter(run(argv, what=f"looking for a built {name}").split()), "")


def all_names() -> set[str]:
    """Returns all names of images in the engine."""
    return set(run(["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"], what="listing images").split())


def forget(references: Iterable[str]) -> None:
    """Removes names from the engine, and images that have no other; what is gone already is no error."""
    for reference in references:
        subprocess.run(["docker", "image", "rm", reference], capture_output=True, check=False)


def free_port() -> int:
    """Returns a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(address: str) -> bool:
    host, port = address.split(":")
    socket.create_connection((host, int(port)), timeout=1).close()
    return True
