"""Pods as the experiments need them: read once from the API's untyped objects, then plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem

if TYPE_CHECKING:
    from deploy.cluster import Cluster

PROXY = "istio-proxy"
CALLERS = "callers"  # namespace


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod.

    Attributes:
        running: its phase is Running and it is not being deleted.
        leaving: it is being deleted.
        ready: its Ready condition is true and it is not being deleted.
        sidecar: Envoy stands in front of it (as a container, or as an init container that goes on running).
        ports: TCP ports that its own containers declare.
        account: its service account: whom its certificate names.
    """

    namespace: str
    name: str
    uid: str
    ip: str
    node: str
    running: bool
    leaving: bool
    ready: bool
    sidecar: bool
    ports: tuple[int, ...] = ()
    account: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, pod: Any) -> Pod:
        """Reads a V1Pod."""
        meta, spec, status = pod.metadata, pod.spec, pod.status
        leaving = meta.deletion_timestamp is not None
        conditions = {condition.type: condition.status for condition in status.conditions or []}
        own = [container for container in spec.containers if container.name != PROXY]
        every = [*spec.containers, *(spec.init_containers or [])]
        declared = [port for container in own for port in container.ports or []]
        return cls(
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
            ip=status.pod_ip or "",
            node=spec.node_name or "",
            running=status.phase == "Running" and not leaving,
            leaving=leaving,
            ready=conditions.get("Ready") == "True" and not leaving,
            sidecar=any(container.name == PROXY for container in every),
            ports=tuple(port.container_port for port in declared if (port.protocol or "TCP") == "TCP"),
            account=spec.service_account_name or "",
            labels=dict(meta.labels or {}),
            annotations=dict(meta.annotations or {}),
        )


def find(cluster: Cluster, namespace: str, selector: str = "") -> list[Pod]:
    """Lists pods, sorted by name."""
    return sorted((Pod.read(pod) for pod in cluster.pods(namespace, selector)), key=lambda pod: pod.name)


def ready(cluster: Cluster, namespace: str, app: str) -> list[Pod]:
    """Lists the pods of a workload that are Ready, sorted by name."""
    return [pod for pod in find(cluster, namespace, f"app={app}") if pod.ready]


def one_running(cluster: Cluster, namespace: str, selector: str) -> Pod:
    """Returns a running pod that matches.

    Raises:
        Problem: none does.
    """
    for pod in find(cluster, namespace, selector):
        if pod.running:
            return pod
    raise Problem(f"no pod {selector} runs in {namespace}", fix=f"kubectl -n {namespace} get pods")
