"""What the proxies of a case say: their clusters (who is out, who failed) and their counters.

Asked on Envoy's admin port through the API server's port forwarding: a program started in thirty proxies at once would
cost the machine seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from experiments import pods
from experiments.collect.scene import Scene
from experiments.pods import CALLERS

if TYPE_CHECKING:
    from deploy.cluster import Cluster

ADMIN_PORT = 15000
ANSWER_S = 6.0
GATEWAYS = ("istio-system", "app=istio-ingressgateway")
# Counters that say what a proxy did about its upstreams; Envoy filters, so that the rest is never sent.
STATS = (
    "(outlier_detection|upstream_rq_(total|[2-5]xx|timeout|retry|pending_overflow|pending_failure|rx_reset|tx_reset)"
    "|upstream_cx_(active|overflow|connect_fail|connect_timeout)|downstream_rq_([2-5]xx|total)|ssl[.]|rate_limit)"
)
OF_A_HOST = frozenset({"health_flags", "rq_total", "rq_error", "rq_timeout", "cx_active", "cx_connect_fail", "zone"})
OF_A_CLUSTER = re.compile(r"outlier::|default_priority::max_")
SAYS_NOTHING = frozenset({"", "0", "-1", "4294967295"})  # not counted, not known, not limited
UPSTREAM = re.compile(r"^(outbound|inbound)\|")


def questions(scene: Scene) -> dict[str, Callable[[], Any]]:
    """Asks the callers' proxies, the gateways and the proxies of every tier that the document watches."""
    selectors = [GATEWAYS, *((CALLERS, f"app=caller-{zone}") for zone in scene.zones)]
    selectors += [(namespace, f"app={tier}") for namespace, tiers in scene.watch.items() for tier in tiers]
    found = [pod for selector in selectors for pod in pods.find(scene.cluster, *selector)]
    return {f"{pod.namespace}/{pod.name}": partial(_ask, scene.cluster, pod) for pod in found if has_proxy(pod)}


def has_proxy(pod: pods.Pod) -> bool:
    """Says whether a running pod is one of Istio's: a gateway, or with a sidecar."""
    return pod.running and (pod.sidecar or pod.namespace == GATEWAYS[0])


def clusters_of(cluster: Cluster, pod: pods.Pod, namespace: str) -> dict[str, dict[str, str]]:
    """Returns what a proxy says of its clusters of a namespace's services, as `clusters` reads it.

    Raises:
        OSError, ApiException: it does not answer.
    """
    with _admin(cluster, pod) as connection:
        return clusters(_answer(connection, "GET", f"/clusters?filter={namespace}[.]svc").splitlines())


def overrides(cluster: Cluster, pod: pods.Pod) -> dict[str, str]:
    """Returns what a proxy's runtime says beside its configuration: what `override` made it say.

    Raises:
        OSError, ApiException: it does not answer.
    """
    with _admin(cluster, pod) as connection:
        told = json.loads(_answer(connection, "GET", "/runtime"))
    layer = told["layers"].index("admin")
    said = {key: entry["layer_values"][layer] for key, entry in told["entries"].items()}
    return {key: value for key, value in said.items() if value}


def override(cluster: Cluster, pod: pods.Pod, key: str, value: str) -> None:
    """Makes a proxy's runtime say something, or nothing ("") again; its configuration, Istio's, stays as it is.

    Raises:
        OSError, ApiException: it does not answer.
    """
    with _admin(cluster, pod) as connection:
        _answer(connection, "POST", f"/runtime_modify?{key}={value}")


def _ask(cluster: Cluster, pod: pods.Pod) -> dict[str, Any]:
    """Returns a proxy's clusters and counters."""
    with _admin(cluster, pod) as connection:
        return {
            "clusters": clusters(_answer(connection, "GET", "/clusters").splitlines()),
            "stats": stats(_answer(connection, "GET", f"/stats?usedonly&filter={STATS}").splitlines()),
        }


@contextmanager
def _admin(cluster: Cluster, pod: pods.Pod) -> Iterator[HTTPConnection]:
    """Opens a way to a proxy's admin port for the block."""
    from kubernetes.client import ApiClient, CoreV1Api
    from kubernetes.stream import portforward

    core = CoreV1Api(ApiClient(cluster.api.configuration))  # portforward() swaps the request function of its client
    forward = portforward(core.connect_get_namespaced_pod_portforward, pod.name, pod.namespace, ports=str(ADMIN_PORT))
    try:
        connection = HTTPConnection("localhost", timeout=ANSWER_S)
        connection.sock = forward.socket(ADMIN_PORT)
        connection.sock.settimeout(ANSWER_S)
        yield connection
    finally:
        forward.close()


def _answer(connection: HTTPConnection, method: str, path: str) -> str:
    connection.request(method, path)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    if answer.status != 200:
        raise OSError(f"Envoy answered {answer.status} to {path}: {text[:200]}")
    return text


def clusters(lines: Iterable[str]) -> dict[str, dict[str, str]]:
    """Reads /clusters: upstream -> what is said of it; of hosts, by address, only what is worth telling."""
    found: dict[str, dict[str, str]] = {}
    for line in lines:
        name, _, rest = line.partition("::")
        if not UPSTREAM.match(name):
            continue
        about, _, value = rest.rpartition("::")
        wanted = OF_A_CLUSTER.match(rest) or about.rpartition("::")[2] in OF_A_HOST
        if wanted and value not in SAYS_NOTHING:
            found.setdefault(name, {})[about] = value
    return found


def stats(lines: Iterable[str]) -> dict[str, int]:
    """Reads /stats: counters and gauges that are not 0."""
    pairs = (line.rpartition(": ") for line in lines)
    return {name: int(value) for name, _, value in pairs if value.isdigit() and value != "0"}
