"""Objects that were changed, deleted or made by a fault or a negative control, made to be as they were written down."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from deploy.waiting import eventually
from experiments.patches import essence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.cluster import Cluster
    from experiments.ledger import Undo

DELETED_S = 60.0
CONFLICTS_MAX = 5


def restore_object(cluster: Cluster, undo: Undo) -> str:
    """Makes an object be as it was written down, whether it was changed or deleted.

    Controllers write too, into a set's status for instance: who was quicker is looked at again.
    """
    from kubernetes.dynamic.exceptions import ConflictError

    manifest = undo["manifest"]
    resource = cluster.dynamic.resources.get(api_version=manifest["apiVersion"], kind=manifest["kind"])
    for _ in range(CONFLICTS_MAX):
        with suppress(ConflictError):
            return _restored(resource, manifest)
    return _restored(resource, manifest)


def _restored(resource: Any, manifest: Mapping[str, Any]) -> str:
    name, namespace = manifest["metadata"]["name"], manifest["metadata"].get("namespace")
    label = f"{manifest['kind']} {namespace}/{name}"
    # One that is still being deleted would take what is written to it along.
    live = eventually(
        lambda: _live(resource, name, namespace),
        lambda live: live is None or not live["metadata"].get("deletionTimestamp"),
        within_s=DELETED_S,
        what=f"{label} to be gone or to stay",
    )
    if live is None:
        resource.create(body=manifest, namespace=namespace)
        return f"{label} made again"
    if essence(live) == manifest:
        return f"{label} was as it should be"
    of_this_look = {"metadata": manifest["metadata"] | {"resourceVersion": live["metadata"]["resourceVersion"]}}
    resource.replace(body={**manifest, **of_this_look}, name=name, namespace=namespace)
    return f"{label} restored"


def _live(resource: Any, name: str, namespace: str | None) -> dict[str, Any] | None:
    from kubernetes.dynamic.exceptions import NotFoundError

    try:
        return dict(resource.get(name=name, namespace=namespace).to_dict())
    except NotFoundError:
        return None


def delete_object(cluster: Cluster, undo: Undo) -> str:
    """Deletes an object that a fault made."""
    from kubernetes.dynamic.exceptions import NotFoundError

    resource = cluster.dynamic.resources.get(api_version=undo["apiVersion"], kind=undo["kind"])
    label = f"{undo['kind']} {undo.get('namespace')}/{undo['name']}"
    try:
        resource.delete(name=undo["name"], namespace=undo.get("namespace"))
    except NotFoundError:
        return f"{label} is gone"
    return f"{label} deleted"
