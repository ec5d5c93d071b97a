"""Reads the live objects. Reads only, and only what a check asks for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from experiments.attainability.model import Item, Settings, Unread

if TYPE_CHECKING:
    from deploy.cluster import Cluster

API = {
    **dict.fromkeys(("ConfigMap", "Endpoints", "Node", "Pod", "Secret", "Service"), "v1"),
    **dict.fromkeys(("CronJob", "Job"), "batch/v1"),
    **dict.fromkeys(("DestinationRule", "ServiceEntry", "VirtualService"), "networking.istio.io/v1"),
    **dict.fromkeys(("Backup", "BackupStorageLocation", "Schedule"), "velero.io/v1"),
    **dict.fromkeys(("DaemonSet", "Deployment", "StatefulSet"), "apps/v1"),
    "AuthorizationPolicy": "security.istio.io/v1",
    "EndpointSlice": "discovery.k8s.io/v1",
    "EnvoyFilter": "networking.istio.io/v1alpha3",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PeerAuthentication": "security.istio.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "Telemetry": "telemetry.istio.io/v1",
}
PAGE, TIMEOUT_S = 500, 20
HIDDEN = frozenset({401, 403})
ABSENT = 404


def settings(cluster: Cluster) -> Settings:
    """Returns a cluster's settings, each kind read when a check asks for it.

    Raises:
        Problem: the cluster does not answer.
    """
    cluster.identity()
    return Settings(lambda kind, namespace, name: _read(cluster, kind, namespace, name))


def _read(cluster: Cluster, kind: str, namespace: str, name: str) -> list[Item]:
    """Lists objects, page by page, or gets one; a kind that the cluster does not have has none.

    Raises:
        Unread: we may not see it.
        Problem: the API server did not answer as expected.
    """
    from kubernetes.client import ApiException
    from kubernetes.dynamic.exceptions import ResourceNotFoundError
    from urllib3.exceptions import HTTPError

    where: dict[str, Any] = {"namespace": namespace} if namespace else {}
    try:
        resource = cluster.dynamic.resources.get(api_version=API[kind], kind=kind)
        if name:
            return [_raw(resource, name=name, **where)]
        items, following = [], ""
        while True:
            page = _raw(resource, limit=PAGE, _continue=following or None, **where)
            items += [{"apiVersion": API[kind], "kind": kind, **item} for item in page["items"]]
            following = (page.get("metadata") or {}).get("continue", "")
            if not following:
                return items
    except ResourceNotFoundError:
        return []
    except ApiException as error:
        if error.status == ABSENT:
            return []
        if error.status in HIDDEN:
            raise Unread(f"{kind} {namespace}/{name}: this account may not read it".replace("/:", ":")) from error
        raise Problem(f"{kind} could not be read", why=str(error.reason), fix="make status") from error
    except HTTPError as error:
        raise Problem(f"{kind} could not be read", why=str(error), fix="make status") from error


def _raw(resource: Any, **query: Any) -> dict[str, Any]:
    """The answer as the API server wrote it: wrapping thousands of pods in objects takes longer than reading them."""
    answer = resource.get(serialize=False, _request_timeout=TIMEOUT_S, **query)
    return dict(json.loads(answer.data))
