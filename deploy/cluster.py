"""The handle of one cluster: what everything else uses to talk to it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from deploy import connection, paths
from deploy.errors import Problem
from deploy.images import catalogue, programs
from deploy.shell import run
from deploy.waiting import NotSo, eventually

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, AppsV1Api, CoreV1Api, V1Pod
    from kubernetes.dynamic import DynamicClient

DEFAULT_NAME = "resilience"
ZONE = "topology.kubernetes.io/zone"
# Ports of this machine (127.0.0.1) that lead into the cluster; deploy/kind/three-zones.yaml maps them.
PORTS = {"shop": 8080, "prometheus": 9090, "alertmanager": 9093, "jaeger": 16686, "notifications": 8025}
IDENTITY_S = 6.0
# Answers that say that it is us who are wrong, and what to do about it.
REFUSALS = {
    302: "a login page or another server is at that address, mend it in the kubeconfig",
    307: "a login page or another server is at that address, mend it in the kubeconfig",
    401: "the credentials are not, or no longer, valid: make up, or write new ones into the kubeconfig",
    403: "the credentials may not even read namespace kube-system, use others in the kubeconfig",
    404: "no Kubernetes API server is at that address, mend it in the kubeconfig",
}
GATEWAY_URL = f"http://127.0.0.1:{PORTS['shop']}"


@dataclass(frozen=True)
class Cluster:
    """One cluster, reached by one kubeconfig file and one context in it.

    Attributes:
        name: of the kind cluster, or what the user calls a foreign one.
        kubeconfig: a single file, never ~/.kube/config unless the user names it.
        context: in that file.
        gateway_url: where callers outside the cluster reach the ingress gateway.
    """

    name: str
    kubeconfig: Path
    context: str
    gateway_url: str = GATEWAY_URL

    @classmethod
    def connect(cls, name: str | None = None) -> Cluster:
        """Returns the handle of a cluster that stands.

        The environment may say otherwise: RESILIENCE_CLUSTER, RESILIENCE_KUBECONFIG, RESILIENCE_CONTEXT,
        RESILIENCE_GATEWAY_URL.

        Raises:
            Problem: there is no kubeconfig for it.
        """
        name = name or os.environ.get("RESILIENCE_CLUSTER") or DEFAULT_NAME
        named = os.environ.get("RESILIENCE_KUBECONFIG")
        kubeconfig = Path(named or paths.kubeconfig(name))
        if named and not kubeconfig.is_file():
            fix = "name one file: a list of files can mean another cluster with each of them"
            raise Problem(f"RESILIENCE_KUBECONFIG is not a file: {named}", fix=fix)
        if not kubeconfig.is_file():
            raise Problem(f"the cluster {name!r} does not stand: it has no kubeconfig", fix="make up")
        context = os.environ.get("RESILIENCE_CONTEXT") or f"kind-{name}"
        return cls(name, kubeconfig, context, os.environ.get("RESILIENCE_GATEWAY_URL") or GATEWAY_URL)

    def url(self, service: str) -> str:
        """Returns where this machine reaches a service of the platform (a key of PORTS).

        RESILIENCE_<SERVICE>_URL in the environment says otherwise, for a cluster that is not ours.
        """
        return os.environ.get(f"RESILIENCE_{service.upper()}_URL") or f"http://127.0.0.1:{PORTS[service]}"

    @cached_property
    def api(self) -> ApiClient:
        """The low-level client; loads only this kubeconfig and context."""
        return connection.client(self.kubeconfig, self.context)

    @cached_property
    def core(self) -> CoreV1Api:
        """Pods, nodes, services."""
        from kubernetes.client import CoreV1Api

        return CoreV1Api(self.api)

    @cached_property
    def apps(self) -> AppsV1Api:
        """Deployments, StatefulSets, DaemonSets."""
        from kubernetes.client import AppsV1Api

        return AppsV1Api(self.api)

    @cached_property
    def dynamic(self) -> DynamicClient:
        """Any kind of object, Istio's included; discovery is done once."""
        from kubernetes.dynamic import DynamicClient

        return DynamicClient(self.api)

    def kubectl(self, *args: str, stdin: str | None = None, timeout_s: float = 60) -> str:
        """Runs kubectl against this cluster and returns its output; Problem with its last lines if it fails."""
        connection.require_no_program(self.kubeconfig, self.context)
        argv = [kubectl(), f"--kubeconfig={self.kubeconfig}", f"--context={self.context}", *args]
        return run(
            argv, what=f"kubectl {' '.join(args[:3])}", stdin=stdin, timeout_s=timeout_s, env=clean_environment()
        )

    def exec(
        self,
        namespace: str,
        pod: str,
        argv: Sequence[str],
        *,
        container: str | None = None,
        stdin: str = "",
        timeout_s: float = 30,
    ) -> str:
        """Runs a program in a container and returns its standard output.

        Raises:
            Problem: it could not be started, did not end in time or ended with another code than 0.
        """
        from deploy.remote import execute

        return execute(self, namespace, pod, argv, container=container, stdin=stdin, timeout_s=timeout_s)

    def pods(self, namespace: str, selector: str = "") -> list[V1Pod]:
        """Lists pods, those that are being deleted too."""
        return list(self.core.list_namespaced_pod(namespace, label_selector=selector, _request_timeout=20).items)

    @cached_property
    def _zone_by_node(self) -> dict[str, str]:
        nodes = self.core.list_node(label_selector=ZONE, _request_timeout=20).items
        return {node.metadata.name: node.metadata.labels[ZONE] for node in nodes}

    def zone_of(self, node: str) -> str:
        """Returns the zone of a node, "" for one that is in none (a control plane)."""
        return self._zone_by_node.get(node, "")

    def nodes_in(self, zone: str) -> list[str]:
        """Returns the nodes of a zone; Problem names the zones there are."""
        found = sorted(node for node, its_zone in self._zone_by_node.items() if its_zone == zone)
        if not found:
            raise Problem(f"no node is in zone {zone!r}", fix=f"zones of this cluster: {', '.join(self.zones())}")
        return found

    def zones(self) -> list[str]:
        """Returns the zones that nodes are labelled with, sorted."""
        return sorted(set(self._zone_by_node.values()))

    def identity(self, *, within_s: float | None = None) -> Identity:
        """Asks the cluster who it is; an answer that will not change is not asked for again.

        Raises:
            Problem: it does not answer within `within_s` (IDENTITY_S by default) seconds, or not to us.
        """
        from kubernetes.client import ApiException

        address = str(self.api.configuration.host)
        within_s = within_s or IDENTITY_S  # read at each call: tests give a busy machine longer

        def ask() -> str | Problem:
            try:
                namespace = self.core.read_namespace("kube-system", _request_timeout=IDENTITY_S / 2)
            except ApiException as error:
                if error.status in REFUSALS:
                    return self._unidentified(f"{address} answered {error.status} {error.reason}", error.status)
                raise
            except ValueError:  # a login page, say
                return self._unidentified(f"{address} does not speak like a Kubernetes API server", 404)
            return str(namespace.metadata.uid)

        try:
            answer = eventually(ask, lambda _: True, within_s=within_s, what=f"an answer of {address}", every_s=0.5)
        except NotSo as error:
            raise self._unidentified(str(error)) from error
        if isinstance(answer, Problem):
            raise answer
        return Identity(address, answer)

    def _unidentified(self, why: str, status: int = 0) -> Problem:
        fix = f"{REFUSALS[status]}: {self.kubeconfig}" if status else "make up"
        return Problem(f"the cluster {self.name!r} does not say who it is", why=why, fix=fix)


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a cluster this cluster: names and contexts can be reused, these two cannot.

    Attributes:
        api_address: URL of the API server.
        kube_system_uid: uid of the namespace kube-system, made once when the cluster was made.
    """

    api_address: str
    kube_system_uid: str


def kubectl() -> str:
    """Returns the kubectl of the pinned version, or the one on PATH where ours is not built."""
    ours = programs.program(catalogue.load(), "kubectl")
    if ours.exists():
        return str(ours)
    found = shutil.which("kubectl")
    if not found:
        raise Problem("kubectl is not there", fix="make up, which builds it, or put kubectl on PATH")
    return found


def clean_environment() -> dict[str, str]:
    """Our environment without what would lead a client astray: proxies for local addresses, a foreign KUBECONFIG."""
    astray = {"http_proxy", "https_proxy", "all_proxy", "kubeconfig"}
    return {name: value for name, value in os.environ.items() if name.lower() not in astray}
