"""The owner stamp: a cluster may be broken on purpose only if this suite made it, or its user says so by name."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from deploy.cluster import Cluster, Identity
from deploy.errors import Problem
from deploy.waiting import eventually

if TYPE_CHECKING:
    from kubernetes.client import V1ConfigMap

NAMESPACE, NAME = "kube-system", "resilience-owner"


def stamp(cluster: Cluster, **facts: str) -> None:
    """Writes the stamp with the cluster's identity and what else is to be known of it; keeps what stands there."""
    from kubernetes.client import V1ConfigMap, V1ObjectMeta

    known = _read(cluster)
    data = {**((known.data or {}) if known else {}), "identity": json.dumps(asdict(cluster.identity())), **facts}
    body = V1ConfigMap(metadata=V1ObjectMeta(name=NAME, namespace=NAMESPACE), data=data)
    if known:
        cluster.core.replace_namespaced_config_map(NAME, NAMESPACE, body)
    else:
        cluster.core.create_namespaced_config_map(NAMESPACE, body)


def facts(cluster: Cluster) -> dict[str, str]:
    """Returns what the stamp says, {} without one."""
    known = _read(cluster)
    return dict(known.data or {}) if known else {}


def assert_ours(cluster: Cluster, allow: frozenset[str] = frozenset()) -> Identity:
    """Returns the identity of a cluster that may be disrupted.

    Args:
        cluster: the one about to be disrupted.
        allow: contexts that the user named in --allow-disruption.

    Raises:
        Problem: it carries no stamp, or the stamp of another cluster, and its context was not named.
    """
    identity = cluster.identity()
    if cluster.context in allow:
        return identity
    fix = f"if you own it and mean it: --allow-disruption={cluster.context}"
    stamped = facts(cluster).get("identity")
    if stamped is None:
        raise Problem(f"the cluster behind context {cluster.context!r} was not made by this suite", fix=fix)
    if json.loads(stamped)["kube_system_uid"] != identity.kube_system_uid:
        raise Problem(f"the owner stamp behind context {cluster.context!r} belongs to another cluster", fix=fix)
    return identity


def _read(cluster: Cluster) -> V1ConfigMap | None:
    from kubernetes.client import ApiException

    def read() -> V1ConfigMap | None:
        try:
            return cluster.core.read_namespaced_config_map(NAME, NAMESPACE, _request_timeout=10)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    return eventually(
        read, lambda _: True, within_s=float(os.environ.get("RESILIENCE_API_PATIENCE_S", "10")), what="the API server"
    )
