"""What a component is: a folder of plain YAML, what it stands on, and how to say that it is ready.

A new component is a folder with `kustomization.yaml` and a `component.py` that ends in `COMPONENT = Component(...)`.
Its images and what must become ready are read from its manifests, so neither is written down twice.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from deploy import apply, diagnose, manifests, paths, rollout
from deploy.cluster import Cluster
from deploy.errors import Usage
from deploy.manifests import Manifest

type Say = Callable[[str], None]


@dataclass(frozen=True)
class Component:
    """One part of the platform; subclasses override what is special about them.

    Attributes:
        name: how commands and `requires` call it.
        folder: where its manifests are.
        requires: components that must be ready before this one is applied.
        addresses: workload -> what of it this machine reaches, a key of cluster.PORTS.
        patience_s: how long it may take to get ready before we give up; not a promise.
    """

    name: str
    folder: Path
    requires: tuple[str, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = 300

    def render(self, references: dict[str, str]) -> list[Manifest]:
        """Returns its manifests, logical image names replaced by `references`."""
        return manifests.render(self.folder, references)

    def images(self) -> tuple[str, ...]:
        """Returns the logical names of the images that its manifests use."""
        return manifests.logical_images(self.folder)

    def prepare(self, cluster: Cluster) -> None:
        """Does what must be there before the manifests: namespaces with generated secrets, for instance."""

    def apply(self, cluster: Cluster, objects: list[Manifest]) -> None:
        """Puts its objects on the cluster (server-side apply)."""
        apply.apply(cluster, objects)

    def ready(self, cluster: Cluster, objects: list[Manifest], say: Say) -> None:
        """Waits until every workload among its objects has rolled out; NotReady says which has not."""
        rollout.wait(cluster, objects, within_s=self.patience_s, say=say)

    def client(self, cluster: Cluster) -> Any:
        """Returns what tests use to talk to it; most components are reached by the cluster's own handle."""
        return cluster

    def diagnose(self, cluster: Cluster, objects: list[Manifest]) -> str:
        """Returns why it is not ready: states, events and last log lines of its pods."""
        return diagnose.explain(cluster, objects)

    def remove(self, cluster: Cluster, objects: list[Manifest]) -> None:
        """Takes its objects off the cluster again."""
        apply.delete(cluster, objects)


@cache
def discover() -> dict[str, Component]:
    """Finds every component of this checkout by its component.py; name -> component."""
    found: dict[str, Component] = {}
    for file in sorted(paths.DEPLOY.glob("**/component.py")):
        if file.parent == paths.DEPLOY:
            continue
        module = ".".join(file.relative_to(paths.ROOT).with_suffix("").parts)
        component = importlib.import_module(module).COMPONENT
        found[component.name] = component
    return found


def with_requirements(names: tuple[str, ...] | None = None) -> list[Component]:
    """Returns the named components (all by default) and what they stand on, each after what it requires.

    Raises:
        Usage: an unknown name, or components that require each other.
    """
    known = discover()
    ordered: list[Component] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name not in known:
            raise Usage(f"no component is called {name!r}", fix=f"known components: {', '.join(sorted(known))}")
        if name in path:
            raise Usage(f"components require each other: {' -> '.join((*path, name))}", fix="mend `requires`")
        for needed in known[name].requires:
            visit(needed, (*path, name))
        if known[name] not in ordered:
            ordered.append(known[name])

    for name in names if names is not None else tuple(known):
        visit(name, ())
    return ordered
