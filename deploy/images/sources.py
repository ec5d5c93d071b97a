"""One call that has every image ready, whatever the source: `pull`, `build`, or `auto`, which chooses."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy import paths
from deploy.errors import Problem, Usage
from deploy.files import only_one, replace_text
from deploy.images import docker, node, programs, recipes
from deploy.images.catalogue import Catalogue, Image
from deploy.shell import run, succeeds

SOURCES = ("auto", "pull", "build")
TOOLS = ("kind", "kubectl", "istioctl")
WORKERS = 2
HASH = 16  # digits of the tags that recipes give


@dataclass(frozen=True, slots=True)
class Images:
    """What a source made ready.

    Attributes:
        source: "pull" or "build".
        node: reference of the kind node image, everything baked in.
        references: logical name -> reference to write into manifests.
    """

    source: str
    node: str
    references: dict[str, str]


def ensure(catalogue: Catalogue, source: str, say: Callable[[str], None], *, mirror: str | None = None) -> Images:
    """Makes all images ready and returns their references. Returns at once what is there already.

    Args:
        catalogue: where each image comes from.
        source: one of SOURCES; "auto" pulls where the registry of the node image answers, else builds.
        say: is told what is being done.
        mirror: host[:port] to pull from instead of the public registries.

    Raises:
        Problem: an image cannot be had from that source; nothing half-made stays under its name.
        Usage: no such source.
    """
    if source not in SOURCES:
        raise Usage(f"no image source is called {source!r}", fix=f"use one of: {', '.join(SOURCES)}")
    with only_one(paths.cache() / "images.lock", lambda: say("another run is making the images: waiting for it")):
        # What is there decides before the network does: a registry that is away for a moment must not cost a cluster.
        for candidate in ("pull", "build") if source == "auto" else (source,):
            images = _remembered(_kept(catalogue, candidate, mirror))
            if images is not None:
                return images
        if source == "auto":
            source = "pull" if mirror or answers(catalogue.node.pull.split("/")[0]) else "build"
        images = (_pull if source == "pull" else _build)(catalogue, say, mirror)
        replace_text(_kept(catalogue, source, mirror), json.dumps(asdict(images)))
    return images


def prune(catalogue: Catalogue) -> list[str]:
    """Removes the images that this checkout no longer uses and returns their names; used ones and foreign ones stay.

    Raises:
        Problem: nothing is remembered for this checkout, so nothing could be told from the rest.
    """
    remembered = [_remembered(_kept(catalogue, source, None)) for source in ("pull", "build")]
    if not any(remembered):
        raise Problem("the images of this checkout are not made yet, so none can be called old", fix="make up")
    wanted = {name for images in remembered if images for name in (images.node, *images.references.values())}
    listed = ["docker", "images", "--filter", f"reference={docker.PREFIX}/*", "--format", "{{.Repository}}:{{.Tag}}"]
    # Names inside the node image (node_tag) have no hash: they move along with the image that they name.
    hashed = [name for name in run(listed, what="listing the images").split() if len(name.rpartition(":")[2]) == HASH]
    return [name for name in hashed if name not in wanted and succeeds(["docker", "rmi", name], timeout_s=120)]


def _kept(catalogue: Catalogue, source: str, mirror: str | None) -> Path:
    """Returns the file that remembers what a source made of these inputs."""
    return paths.cache() / "images" / f"{_inputs(catalogue, f'{source} {mirror}')}.json"


def _inputs(catalogue: Catalogue, source: str) -> str:
    """Returns the hash of everything that images are made from: catalogue, recipes, and the paths it calls `extra`."""
    extras = [
        *catalogue.node.extra.values(),
        *(place for image in catalogue.image.values() for place in image.extra.values()),
    ]
    places = [paths.DEPLOY / "images", *(paths.ROOT / place for place in extras if not place.startswith("go:"))]
    digest = hashlib.sha256(f"{source} {catalogue.model_dump_json()}".encode())
    for file in sorted({found for place in places for found in ([place] if place.is_file() else place.rglob("*"))}):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(paths.ROOT)} {os.access(file, os.X_OK)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:20]


def _remembered(kept: Path) -> Images | None:
    """Returns what was made from the same inputs before, if the engine still has it."""
    with suppress(OSError, ValueError, TypeError):
        images = Images(**json.loads(kept.read_text()))
        if docker.exists(images.node):
            return images
    return None


def answers(registry: str) -> bool:
    """Says whether a registry's host takes a connection on its HTTPS port."""
    host = {"docker.io": "registry-1.docker.io"}.get(registry, registry)
    try:
        socket.create_connection((host, 443), timeout=3).close()
    except OSError:
        return False
    return True


def tool(catalogue: Catalogue, name: str) -> Path:
    """Returns a command-line tool of the pinned version (one of TOOLS), built by `ensure`."""
    found = programs.program(catalogue, name)
    if not found.exists():
        raise Problem(f"the tool {name} is not built yet", fix="make up")
    return found


def _build(catalogue: Catalogue, say: Callable[[str], None], _mirror: str | None) -> Images:
    images = catalogue.image.values()
    wanted = [
        *TOOLS,
        *catalogue.node.programs,
        *(name for image in images for name in (*image.programs, image.entry) if name),
    ]
    with tempfile.TemporaryDirectory(prefix="base-") as scratch, ThreadPoolExecutor(WORKERS) as pool:
        # Compiling waits for the processors, the base and what Debian's packages make for the network: side by side.
        compiled = pool.submit(programs.build, catalogue, wanted, say)
        base = recipes.base(Path(scratch))
        ours = [image for image in images if image.name != "debian"]
        references = {"debian": base, **_recipes(catalogue, [i for i in ours if not _compiled(i)], base, pool, say)}
        compiled.result()
        references |= _recipes(catalogue, [i for i in ours if _compiled(i)], base, pool, say)
        node_base = node.build_base(catalogue, base)
    tags = {references[image.name]: image.node_tag or references[image.name] for image in images if image.baked}
    return Images("build", node.bake(node_base, tags, say), references)


def _pull(catalogue: Catalogue, say: Callable[[str], None], mirror: str | None) -> Images:
    programs.build(catalogue, TOOLS, say)
    public = {image.name: image.pull for image in catalogue.image.values() if image.pull}
    with ThreadPoolExecutor(WORKERS) as pool:
        say(f"pulling {len(public) + 1} images")
        node_base, *pulled = pool.map(
            lambda reference: docker.pull(reference, mirror=mirror), [catalogue.node.pull, *public.values()]
        )
        references = dict(zip(public, pulled, strict=True))
        ours = [image for image in catalogue.image.values() if not image.pull and not image.node_tag]
        references |= _recipes(catalogue, ours, references["debian"], pool, say)
    tags = {reference: reference for reference in references.values()}
    return Images("pull", node.bake(node_base, tags, say), references)


def _compiled(image: Image) -> bool:
    """Says whether an image holds Go programs, which take long to compile."""
    return bool(image.programs or image.entry)


def _recipes(
    catalogue: Catalogue, images: list[Image], base: str, pool: ThreadPoolExecutor, say: Callable[[str], None]
) -> dict[str, str]:
    """Builds images from their recipes, as many at once as the pool is free for; returns name -> reference."""
    say(f"building {len(images)} images")
    built = pool.map(lambda image: recipes.build(catalogue, image, base), images)
    return dict(zip((image.name for image in images), built, strict=True))
