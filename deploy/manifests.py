"""Manifests: plain YAML put together by kustomize, with logical image names replaced from the catalogue."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from deploy import paths
from deploy.cluster import kubectl
from deploy.errors import Problem
from deploy.files import replace_text
from deploy.images import catalogue
from deploy.shell import run

type Manifest = dict[str, Any]
IN_TEXT = re.compile(r"\$\{image:([\w-]+)\}")  # an image named in an argument or a configuration file


def render(folder: Path, references: dict[str, str]) -> list[Manifest]:
    """Returns the objects of a kustomize folder, ready to apply.

    Args:
        folder: holds kustomization.yaml.
        references: logical image name -> reference.

    Raises:
        Problem: the YAML is broken, or an image is not in the catalogue.
    """
    key = fingerprint(folder, json.dumps(references, sort_keys=True))
    return kept(key, lambda: [with_images(item, references, folder) for item in _kustomize(folder)])


def kept(key: str, make: Callable[[], list[Manifest]]) -> list[Manifest]:
    """Returns what `make` made when it was last called for this key; rendering again costs seconds."""
    file = paths.cache() / "rendered" / f"{key}.json"
    if file.exists():
        return list(json.loads(file.read_text()))
    objects = make()
    replace_text(file, json.dumps(objects))
    return objects


def fingerprint(folder: Path, *more: str) -> str:
    """Returns the hash of a folder's files and of what else the result depends on, this module included.

    Every file counts, whatever it is called: kustomize makes ConfigMaps of configuration files and scripts.
    """
    digest = hashlib.sha256("\n".join(more).encode() + Path(__file__).read_bytes())
    files = [path for place in (folder, *_beside(folder)) for path in place.rglob("*") if path.is_file()]
    for file in sorted(path for path in files if "__pycache__" not in path.parts):
        digest.update(os.path.relpath(file, folder).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:20]


def _beside(folder: Path) -> list[Path]:
    """Returns the folders outside that a kustomize folder includes: two components in one namespace share its file."""
    resources: list[str] = []
    with suppress(OSError, yaml.YAMLError, AttributeError):  # what is wrong with it, kustomize says better
        resources = yaml.safe_load((folder / "kustomization.yaml").read_text()).get("resources", [])
    return [(folder / name).resolve() for name in resources if name.startswith("..")]


def logical_images(folder: Path) -> tuple[str, ...]:
    """Returns the logical image names in a folder's manifests, sorted."""
    names: set[str] = set()
    for item in _kustomize(folder):
        names.update(IN_TEXT.findall(json.dumps(item)))
        names.update(
            container["image"] for container in _containers(item) if container.get("image") in catalogue.load().image
        )
    return tuple(sorted(names))


def with_images(item: Manifest, references: dict[str, str], folder: Path) -> Manifest:
    """Returns an object with its logical image names replaced; baked images are never pulled.

    Raises:
        Problem: it uses an image that has no reference.
    """

    def reference(name: str | None) -> str:
        if name is not None and name in references:
            return references[name]
        raise Problem(
            f"{folder.name}: {item['kind']}/{item['metadata']['name']} uses the image {name!r}, "
            "which the catalogue does not have",
            fix="use a logical name of deploy/images/catalogue.toml, or add it there",
        )

    for container in _containers(item):
        container["image"] = reference(container.get("image"))
        container.setdefault("imagePullPolicy", "IfNotPresent")
    replaced: Manifest = json.loads(IN_TEXT.sub(lambda match: reference(match[1]), json.dumps(item)))
    return replaced


def parse(text: str, what: str) -> list[Manifest]:
    """Reads a stream of YAML documents; Problem names the file and line that is broken."""
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        objects = [item for item in yaml.load_all(text, Loader=loader) if item]
    except yaml.YAMLError as error:
        raise Problem(f"{what}: broken YAML", why=str(error), fix="mend the file at the line named above") from error
    for number, item in enumerate(objects, start=1):
        if not isinstance(item, dict) or not {"apiVersion", "kind", "metadata"} <= item.keys():
            raise Problem(
                f"{what}: document {number} is not a Kubernetes object",
                why=f"it reads {str(item)[:200]}",
                fix="give it apiVersion, kind and metadata",
            )
    return objects


def key(item: Manifest) -> str:
    """Returns what tells an object from others: kind, namespace, name."""
    metadata = item["metadata"]
    return f"{item['kind']}.{item['apiVersion'].rpartition('/')[0]}/{metadata.get('namespace', '')}/{metadata['name']}"


def _kustomize(folder: Path) -> list[Manifest]:
    what = f"putting together the manifests of {folder.name}"
    return parse(run([kubectl(), "kustomize", folder], what=what, fix=f"mend the YAML below {folder}"), what)


def _containers(item: Manifest) -> Iterator[dict[str, Any]]:
    spec = item.get("spec") or {}
    template = (spec.get("jobTemplate") or {}).get("spec", spec).get("template") if isinstance(spec, dict) else None
    pod = template.get("spec") if isinstance(template, dict) else spec if item["kind"] == "Pod" else None
    for part in ("initContainers", "containers"):
        yield from (pod or {}).get(part) or []
