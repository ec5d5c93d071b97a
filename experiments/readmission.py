"""Nobody is kept out when a case begins that needs so: who was ejected before it is replaced.

An ejection outlives its cause, by 300 s as the platform is deployed, and a starved machine ejects healthy replicas too.
A pod that replaces another is an endpoint that no proxy holds anything against, so nobody has to wait for that long.
They are evicted, not deleted: where many are out, the tiers' disruption budgets have them replaced a few at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from deploy.waiting import NotSo, eventually
from experiments import pods, running
from experiments.collect import envoy
from experiments.pods import Pod
from experiments.radius import Radius, Thing
from experiments.record import Recorder
from experiments.traffic import CALLERS

if TYPE_CHECKING:
    from deploy.cluster import Cluster

SHOP = "shop"
CLIENTS = (envoy.GATEWAYS, (CALLERS, ""), (SHOP, "app=app"))
FLAG = "failed_outlier_check"
WITHIN_S = 320.0  # the longest ejection and a sweep, for who may not be replaced
EVERY_S = 3.0
AT_ONCE = 6


def settle(cluster: Cluster, radius: Radius, recorder: Recorder) -> None:
    """Makes sure that no client keeps a replica of the shop out, if a case needs that; notes whom it replaced.

    Whoever is still kept out at the end is noted as well: the case's own steady state says what that means for it.
    """
    if Thing.EJECTIONS not in radius.needs:
        return
    begin, out = time.monotonic(), kept_out(cluster)
    if not out:
        return
    is_alone = all(case.run == running.this() for case in running.cases(cluster.name))

    def left() -> dict[str, Pod]:
        out = kept_out(cluster)
        if is_alone:  # another case may rely on each replica
            _evict(cluster, out)
        return out

    with suppress(NotSo):
        eventually(
            left,
            lambda out: not out,
            within_s=WITHIN_S,
            every_s=EVERY_S,
            what="every replica to be let in by every client",
        )
    did = "replaced" if is_alone else "waited for"
    recorder.note(f"kept out before it began, {did} for {time.monotonic() - begin:.0f} s: {', '.join(sorted(out))}")


def kept_out(cluster: Cluster) -> dict[str, Pod]:
    """Returns the shop's replicas that any client has ejected, by name."""
    clients = [pod for found in CLIENTS for pod in pods.find(cluster, *found) if envoy.has_proxy(pod)]
    by_ip = {pod.ip: pod for pod in pods.find(cluster, SHOP) if pod.running}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = pool.map(_asked(cluster), clients)
    flagged = {address for each in told for address in ejected(each)}
    return {by_ip[address].name: by_ip[address] for address in flagged if address in by_ip}


def ejected(upstreams: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
    """Yields the addresses of hosts that have Envoy's flag; `upstreams` as `envoy.clusters` reads them."""
    for about in upstreams.values():
        for key, value in about.items():
            host, _, what = key.rpartition("::")
            if what == "health_flags" and FLAG in value:
                yield host.rpartition(":")[0]


def _asked(cluster: Cluster) -> Callable[[Pod], dict[str, dict[str, str]]]:
    def ask(client: Pod) -> dict[str, dict[str, str]]:
        try:
            return envoy.clusters_of(cluster, client)
        except Exception:  # noqa: BLE001 - a proxy on its way out says nothing, and whatever it knew ends with it
            return {}

    return ask


def _evict(cluster: Cluster, out: Mapping[str, Pod]) -> None:
    from kubernetes.client.exceptions import ApiException

    for pod in out.values():
        with suppress(ApiException):  # it is gone, or its turn comes when others are back (429)
            body = {
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": pod.name, "namespace": pod.namespace},
                "deleteOptions": {"preconditions": {"uid": pod.uid}},
            }
            cluster.core.create_namespaced_pod_eviction(pod.name, pod.namespace, body=body, _request_timeout=20)
