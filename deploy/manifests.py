"""Manifests: plain YAML put together by kustomize, with logical image names replaced from the catalogue."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from deploy import paths
from deploy.cluster import kubectl
from deploy.errors import Problem
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
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(objects))
    partial.replace(file)
    return objects


def fingerprint(folder: Path, *more: str) -> str:
    """Returns the hash of a folder's files and of what else the result depends on."""
    digest = hashlib.sha256("\n".join(more).encode())
    for file in sorted(path for path in folder.rglob("*") if path.suffix in {".yaml", ".py", ".toml"}):
        digest.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:20]


def logical_images(folder: Path) -> tuple[str, ...]:
    """Returns the logical image names in a folder's manifests, sorted."""
    names: set[str] = set()
    for item in _kustomize(folder):
        names.update(IN_TEXT.findall(json.dumps(item)))
        names.update(
            container["image"] for container in _containers(item) if container["image"] in catalogue.load().image
        )
    return tuple(sorted(names))


def with_images(item: Manifest, references: dict[str, str], folder: Path) -> Manifest:
    """Replaces the logical image names in one object; baked images are never pulled."""
    for container in _containers(item):
        name = container["image"]
        if name not in references:
            raise Problem(
                f"{folder.name}: {item['kind']}/{item['metadata']['name']} uses the image {name!r}, which the catalogue does not have",
                fix="use a logical name of deploy/images/catalogue.toml, or add it there",
            )
        container["image"] = references[name]
        container.setdefault("imagePullPolicy", "IfNotPresent")
    text = json.dumps(item)
    replaced: Manifest = json.loads(IN_TEXT.sub(lambda match: references[match[1]], text))
    return replaced


def parse(text: str, what: str) -> list[Manifest]:
    """Reads a stream of YAML documents; Problem names the file and line that is broken."""
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return [item for item in yaml.load_all(text, Loader=loader) if item]  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise Problem(f"{what}: broken YAML", why=str(error), fix="mend the file at the line named above") from error


def key(item: Manifest) -> str:
    """Returns what tells an object from others: kind, namespace, name."""
    metadata = item["metadata"]
    return f"{item['kind']}.{item['apiVersion'].rpartition('/')[0]}/{metadata.get('namespace', '')}/{metadata['name']}"


def _kustomize(folder: Path) -> list[Manifest]:
    what = f"putting together the manifests of {folder.name}"
    return parse(
        run([kubectl(), "kustomize", folder], what=what, fix=f"mend the YAML below deploy/{folder.name}/"), what
    )


def _containers(item: Manifest) -> Iterator[dict[str, Any]]:
    spec = item.get("spec") or {}
    template = (spec.get("jobTemplate") or {}).get("spec", spec).get("template") if isinstance(spec, dict) else None
    pod = (template or {}).get("spec") if template else spec if item["kind"] == "Pod" else None
    for part in ("initContainers", "containers"):
        yield from (pod or {}).get(part) or []
