"""The owner stamp: a cluster may be broken on purpose only if this suite made it, or its user says so by name."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from deploy.cluster import Cluster, Identity
from deploy.errors import Problem
from deploy.waiting import NotSo, eventually

if TYPE_CHECKING:
    from kubernetes.client import V1ConfigMap

NAMESPACE, NAME = "kube-system", "resilience-owner"
PATIENCE_S = 6
SET_UP_PATIENCE_S = 60  # while a stack comes up on few processors: a cluster that works must not be given up for that


def stamp(cluster: Cluster, **facts: str) -> None:
    """Writes the stamp with the cluster's identity and what else is to be known of it; keeps what stands there."""
    from kubernetes.client import V1ConfigMap, V1ObjectMeta

    known = _read(cluster, SET_UP_PATIENCE_S)
    identity = cluster.identity(within_s=SET_UP_PATIENCE_S)
    data = {**((known.data or {}) if known else {}), "identity": json.dumps(asdict(identity)), **facts}
    body = V1ConfigMap(metadata=V1ObjectMeta(name=NAME, namespace=NAMESPACE), data=data)
    if known:
        cluster.core.replace_namespaced_config_map(NAME, NAMESPACE, body)
    else:
        cluster.core.create_namespaced_config_map(NAMESPACE, body)


def facts(cluster: Cluster, *, within_s: float = PATIENCE_S) -> dict[str, str]:
    """Returns what the stamp says, {} without one.

    Raises:
        Problem: the API server did not answer within `within_s` seconds.
    """
    known = _read(cluster, within_s)
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
    text = facts(cluster).get("identity")
    if text is None:
        raise Problem(f"the cluster behind context {cluster.context!r} was not made by this suite", fix=fix)
    stamped = _identity(text)
    if stamped != identity:  # the address too: a cluster that was restored from etcd has uid and stamp of the first one
        raise Problem(
            f"the owner stamp behind context {cluster.context!r} belongs to another cluster",
            why=f"stamped {stamped or text}\nanswers {identity}",
            fix=fix,
        )
    return identity


def _identity(text: str) -> Identity | None:
    """Returns the identity that a stamp tells, None for a stamp that is not ours to read."""
    try:
        return Identity(**json.loads(text))
    except (ValueError, TypeError):
        return None


def _read(cluster: Cluster, within_s: float = PATIENCE_S) -> V1ConfigMap | None:
    from kubernetes.client import ApiException

    core = cluster.core  # a kubeconfig that cannot be used is told at once

    def read() -> V1ConfigMap | None:
        try:
            return core.read_namespaced_config_map(NAME, NAMESPACE, _request_timeout=PATIENCE_S / 2)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    try:
        return eventually(read, lambda _: True, within_s=within_s, what="the API server to answer")
    except NotSo as error:
        raise Problem(f"the API server of {cluster.name!r} does not answer", why=str(error), fix="make up") from error
