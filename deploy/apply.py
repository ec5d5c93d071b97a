"""The only writer of manifests: server-side apply, definitions first, and what is no longer wanted taken away."""

from __future__ import annotations

import json
import re

from deploy.cluster import Cluster
from deploy.errors import Problem
from deploy.manifests import Manifest
from deploy.waiting import NotSo, eventually

MANAGER = "resilience-suite"
# What another component is still bringing up: worth another try. Anything else is a broken manifest.
PASSING = re.compile(
    r"failed calling webhook|no matches for kind|connection refused|EOF|i/o timeout|not yet accepting"
    r"|try again|TLS handshake|the server is currently unable|etcdserver|InternalError|did not end within"
)
PATIENCE_S = 60
# Deleting one of these takes along what nobody asked to delete: data, or every object in it.
KEPT = {"PersistentVolumeClaim", "PersistentVolume", "Namespace", "CustomResourceDefinition"}


def apply(cluster: Cluster, objects: list[Manifest], *, manager: str = MANAGER) -> None:
    """Applies objects server-side; resource definitions and namespaces first, each established before the rest.

    Raises:
        Problem: the API server refuses an object; its own words say which and why.
    """
    definitions = [item for item in objects if item["kind"] == "CustomResourceDefinition"]
    namespaces = [item for item in objects if item["kind"] == "Namespace"]
    first = definitions + namespaces
    if first:
        _server_side(cluster, first, manager)
    if definitions:
        names = [f"crd/{item['metadata']['name']}" for item in definitions]
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names, timeout_s=90)
    rest = [item for item in objects if item not in first]
    if rest:
        _server_side(cluster, rest, manager)


def _server_side(cluster: Cluster, objects: list[Manifest], manager: str) -> None:
    stream = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    argv = ("apply", "--server-side", "--force-conflicts", f"--field-manager={manager}", "-f", "-")

    def attempt() -> Problem | None:
        try:
            cluster.kubectl(*argv, stdin=stream, timeout_s=120)
        except Problem as problem:
            if PASSING.search(str(problem)):
                raise
            return problem
        return None

    try:
        refused = eventually(
            attempt, lambda _: True, within_s=PATIENCE_S, every_s=1, what="the API server to take the manifests"
        )
    except NotSo as error:
        raise Problem(
            "the manifests could not be applied", why=str(error), fix="`make status` shows what is not ready"
        ) from error
    if refused:
        raise Problem("the API server refused a manifest", why=refused.why, fix="mend the object that is named above")


def delete(cluster: Cluster, objects: list[Manifest]) -> None:
    """Deletes objects that may or may not be there, the last applied first."""
    if objects:
        stream = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(reversed(objects))})
        cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=stream, timeout_s=120)


def prune(cluster: Cluster, gone: list[str]) -> None:
    """Deletes what an earlier version of the manifests had and none has now, but for what would take data along.

    Args:
        cluster: where.
        gone: keys (manifests.key) of the objects.
    """
    for item in gone:
        kind, namespace, name = item.split("/")
        if kind.partition(".")[0] in KEPT:
            continue
        where = [f"--namespace={namespace}"] if namespace else []
        try:
            cluster.kubectl("delete", kind.removesuffix("."), name, *where, "--ignore-not-found", "--wait=false")
        except Problem as problem:
            if "have a resource type" not in problem.why:  # its definition is gone, and so is the object
                raise
