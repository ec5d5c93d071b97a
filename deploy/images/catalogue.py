"""The catalogue of images as data: reads catalogue.toml and refuses what would not be reproducible."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from deploy import paths
from deploy.errors import Problem, Usage
from deploy.images import docker

FILE = paths.DEPLOY / "images" / "catalogue.toml"
REFERENCE = re.compile(r"[a-z0-9.-]+\.[a-z]+/[a-z0-9._/-]+:(?P<tag>[\w.-]+)(?P<digest>@sha256:[0-9a-f]{64})?")
EXACT = re.compile(r"(?<!\d)(\d+\.\d+\.\d+|20\d{6})(?!\d)")  # a version of three parts, or a day


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Image(_Strict):
    """Where one image comes from; the fields are described at the head of catalogue.toml."""

    name: str = ""
    version: str = ""
    pull: str | None = None
    recipe: str = ""
    programs: tuple[str, ...] = ()
    entry: str = ""
    extra: dict[str, str] = Field(default_factory=dict)
    node_tag: str | None = None
    baked: bool = True

    @model_validator(mode="after")
    def _is_pinned(self) -> Image:
        if self.pull is not None:
            refuse_floating(self.pull)
        return self

    @property
    def release(self) -> str:
        """The version of what is in it, for people: as stated, else that of the public image."""
        return self.version or (self.pull or "").partition("@")[0].rpartition(":")[2]

    @property
    def folder(self) -> Path:
        """The recipe's folder."""
        return paths.DEPLOY / "images" / (self.recipe or self.name)


class Node(_Strict):
    """The kind node image."""

    pull: str
    version: str
    programs: tuple[str, ...]
    extra: dict[str, str]

    @model_validator(mode="after")
    def _is_pinned(self) -> Node:
        refuse_floating(self.pull)
        return self


class Graph(_Strict):
    """One Go module graph: name of each program -> its package."""

    programs: dict[str, str]
    ldflags: tuple[str, ...] = ()


class Catalogue(_Strict):
    """All images, the node, and the Go programs."""

    image: dict[str, Image]
    node: Node
    go: dict[str, Graph]

    def get(self, name: str) -> Image:
        """Returns the image with a logical name; Usage names the known ones."""
        if name not in self.image:
            raise Usage(f"no image is called {name!r}", fix=f"known images: {', '.join(sorted(self.image))}")
        return self.image[name]

    def of(self, reference: str) -> Image | None:
        """Returns the image that a reference on a cluster was made from, whatever its source."""
        built = (
            reference.removeprefix(f"{docker.PREFIX}/").partition(":")[0] if reference.startswith(docker.PREFIX) else ""
        )
        public = reference.partition("@")[0]
        found = (item for item in self.image.values() if (item.pull or "").partition("@")[0] == public)
        return self.image.get(built) if built else next(found, None)


def refuse_floating(reference: str) -> None:
    """Raises ValueError unless a public reference names a registry and an exact version or a digest."""
    match = REFERENCE.fullmatch(reference)
    if not match:
        raise ValueError(f"{reference!r} is not of the form registry/repository:version[@sha256:digest]")
    if not match["digest"] and not EXACT.search(match["tag"]):
        raise ValueError(f"{reference!r} has a floating tag: name the exact version or add its digest")


def parse(text: str) -> Catalogue:
    """Reads a catalogue from TOML.

    Raises:
        Problem: it is not TOML, has unknown fields, or a reference that is not pinned.
    """
    try:
        data = tomllib.loads(text)
        images = data.get("image")
        for name, image in images.items() if isinstance(images, dict) else ():
            if isinstance(image, dict):
                image["name"] = name
        return Catalogue.model_validate(data)
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise Problem("the image catalogue cannot be used", why=str(error), fix=f"mend {FILE.name}") from error


@cache
def load() -> Catalogue:
    """Returns the catalogue of this checkout."""
    return parse(FILE.read_text())
