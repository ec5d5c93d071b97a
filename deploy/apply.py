"""The only writer of manifests: server-side apply, definitions first, and what is no longer wanted taken away."""

from __future__ import annotations

import json
import re

from deploy.cluster import Cluster
from deploy.errors import Problem
from deploy.manifests import Manifest, key
from deploy.waiting import NotSo, eventually

MANAGER = "resilience-suite"
# What another component is still bringing up: worth another try. Anything else is a broken manifest.
PASSING = re.compile(
    r"failed calling webhook|no matches for kind|connection refused|EOF|i/o timeout|not yet accepting"
    r"|try again|TLS handshake|the server is currently unable|etcdserver|InternalError"
)
PATIENCE_S = 60


def apply(cluster: Cluster, objects: list[Manifest]) -> None:
    """Applies objects server-side; resource definitions and namespaces first, each established before the rest.

    Raises:
        Problem: the API server refuses an object; its own words say which and why.
    """
    definitions = [item for item in objects if item["kind"] == "CustomResourceDefinition"]
    namespaces = [item for item in objects if item["kind"] == "Namespace"]
    first = definitions + namespaces
    if first:
        _server_side(cluster, first)
    if definitions:
        names = [f"crd/{item['metadata']['name']}" for item in definitions]
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names, timeout_s=90)
    rest = [item for item in objects if item not in first]
    if rest:
        _server_side(cluster, rest)


def _server_side(cluster: Cluster, objects: list[Manifest]) -> None:
    stream = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    argv = ("apply", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}", "-f", "-")

    def attempt() -> Problem | None:
        try:
            cluster.kubectl(*argv, stdin=stream, timeout_s=120)
        except Problem as problem:
            if PASSING.search(problem.why):
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


def prune(cluster: Cluster, before: list[str], objects: list[Manifest]) -> None:
    """Deletes what an earlier version of the manifests had and this one has not.

    Args:
        cluster: where.
        before: keys (manifests.key) of the objects applied last time.
        objects: what is wanted now.
    """
    for gone in sorted(set(before) - {key(item) for item in objects}):
        kind, namespace, name = gone.split("/")
        if kind.startswith("PersistentVolumeClaim"):
            continue  # data outlives a change of manifests
        where = [f"--namespace={namespace}"] if namespace else []
        cluster.kubectl("delete", kind.removesuffix("."), name, *where, "--ignore-not-found", "--wait=false")
