"""Objects as the API server gives them, a whole kind in one call: plain JSON, whatever the kind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deploy.cluster import Cluster

type Object = dict[str, Any]

LIST_S = 10.0


def listed(cluster: Cluster, path: str, timeout_s: float = LIST_S) -> list[Object] | None:
    """Returns every object of a kind in all namespaces; None where the cluster does not know the kind.

    Args:
        cluster: where.
        path: of the kind, for example apis/apps/v1/deployments.
        timeout_s: of the call.
    """
    from kubernetes.dynamic.exceptions import NotFoundError

    try:
        answer = cluster.dynamic.request("get", path, serialize=False, _request_timeout=timeout_s)
    except NotFoundError:
        return None
    return list(json.loads(answer.data)["items"] or [])


def where(item: Object) -> str:
    """Returns namespace/name, or the name of what is in no namespace."""
    meta = item["metadata"]
    return "/".join(filter(None, (meta.get("namespace"), meta["name"])))
