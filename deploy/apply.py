"""The only writer of manifests: server-side apply, definitions first, and what is no longer wanted taken away."""

from __future__ import annotations

import json
import re

from deploy.cluster import Cluster
from deploy.errors import Problem
from deploy.manifests import Manifest
from deploy.waiting import NotSo, eventually

MANAGER = "resilience-suite"
GONE = "have a resource type"  # what kubectl says of a kind whose definition is gone
# Answers that another try does not change. All others (no answer in time, a webhook or a definition that another
# component is still bringing up, a server that is starting) are worth one.
REFUSED = re.compile(
    r"Error from server \((Invalid|BadRequest|Forbidden|MethodNotAllowed|NotFound)\)|\(Unauthorized\)"
    r"|Invalid value|denied the request|ValidationError|unknown field|error parsing|cannot unmarshal"
    rf"|failed to create typed|{GONE}"
)
PATIENCE_S = 180  # two questions of kubectl that end without an answer take 64 s
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
        _insist(cluster, "wait", "--for=condition=Established", "--timeout=60s", *names)
    rest = [item for item in objects if item not in first]
    if rest:
        _server_side(cluster, rest, manager)


def _server_side(cluster: Cluster, objects: list[Manifest], manager: str) -> None:
    stream = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    argv = ("apply", "--server-side", "--force-conflicts", f"--field-manager={manager}", "-f", "-")
    _insist(cluster, *argv, stdin=stream)


def _insist(cluster: Cluster, *argv: str, stdin: str | None = None) -> None:
    """Runs kubectl until it succeeds, until the API server refuses what it is asked, or until patience is over."""

    def attempt() -> Problem | None:
        try:
            cluster.kubectl(*argv, stdin=stdin, timeout_s=120)
        except Problem as problem:
            if not REFUSED.search(problem.why):
                raise
            return problem
        return None

    try:
        refused = eventually(
            attempt, lambda _: True, within_s=PATIENCE_S, every_s=1, what="the API server to take the manifests"
        )
    except NotSo as error:
        raise Problem(
            f"`kubectl {argv[0]}` of manifests does not succeed",
            why=str(error),
            fix="`make status` shows what is not ready",
        ) from error
    if refused:
        raise Problem(
            f"the API server refused a manifest (`kubectl {argv[0]}`)",
            why=refused.why,
            fix="mend the object that is named above",
        )


def delete(cluster: Cluster, objects: list[Manifest]) -> None:
    """Deletes objects that may or may not be there, the last applied first."""
    if objects:
        stream = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(reversed(objects))})
        _insist(cluster, "delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=stream)


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
            _insist(cluster, "delete", kind.removesuffix("."), name, *where, "--ignore-not-found", "--wait=false")
        except Problem as problem:
            if GONE not in problem.why:  # and with its definition the object
                raise
