"""Counts the ready pods of each tier from a watch: a change is seen when it happens, not when somebody looks.

A pod counts when it is Ready, not being deleted and not on a faulted node: a frozen node's pods stay "Ready" in the
API for almost a minute, and a terminating pod is on its way out whatever its condition says.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.record import Recorder
from experiments.watch.thread import Watcher

if TYPE_CHECKING:
    from deploy.cluster import Cluster

WATCH_S = 2  # a watch that is quiet is asked again this often, so that it can be stopped


@dataclass(frozen=True, slots=True)
class Seen:
    """One pod as the API shows it."""

    tier: str
    zone: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Count:
    """The ready pods of a tier."""

    ready: int
    by_zone: Mapping[str, int]


def count(pods: Iterable[Seen], tier: str, excluded_zone: str | None) -> Count:
    """Counts a tier's ready pods outside the excluded zone."""
    zones = Counter(pod.zone for pod in pods if pod.tier == tier and pod.counts and pod.zone != excluded_zone)
    return Count(zones.total(), dict(sorted(zones.items())))


class ReadyWatcher(Watcher):
    """Writes a `ready` event for a tier at the start and whenever its count changes.

    Attributes:
        desired: replicas wanted, by tier, as the Deployments and StatefulSets said at the start.
        excluded_zone: pods there do not count; see `exclude`.
    """

    def __init__(self, recorder: Recorder, cluster: Cluster, namespace: str, tiers: list[str]) -> None:
        super().__init__(f"ready watcher of {namespace}", recorder)
        self.cluster, self.namespace, self.tiers = cluster, namespace, tiers
        self.excluded_zone: str | None = None
        apps: Any = cluster.apps
        workloads = [
            *apps.list_namespaced_deployment(namespace, _request_timeout=20).items,
            *apps.list_namespaced_stateful_set(namespace, _request_timeout=20).items,
        ]
        wanted = {each.metadata.name: int(each.spec.replicas) for each in workloads}
        self.desired = {tier: wanted[tier] for tier in tiers}
        self._zone_of = {node: zone for zone in cluster.zones() for node in cluster.nodes_in(zone)}
        self._pods: dict[str, Seen] = {}
        self._told: dict[str, tuple[Count, str | None]] = {}
        self._lock = threading.RLock()

    def exclude(self, zone: str | None) -> None:
        """Leaves the pods of a zone out from now on (None: of no zone), and says so for every tier."""
        with self._lock:
            self.excluded_zone = zone
            self._tell(always=True)

    def counts(self) -> dict[str, Count]:
        """Returns the ready pods of every tier as last seen."""
        with self._lock:
            return {tier: count(self._pods.values(), tier, self.excluded_zone) for tier in self.tiers}

    def full(self) -> bool:
        """Says whether every tier has as many ready pods as it wants."""
        return all(self.counts()[tier].ready >= self.desired[tier] for tier in self.tiers)

    def watch(self) -> None:
        """Lists, then watches; lists again whenever the watch breaks or has become too old."""
        from kubernetes.client import ApiClient, ApiException, CoreV1Api
        from kubernetes.watch import Watch
        from urllib3.exceptions import HTTPError

        core = CoreV1Api(ApiClient(self.cluster.api.configuration))  # a thread needs a client of its own
        version: str | None = None
        while not self.stopping.is_set():
            try:
                if version is None:
                    version = self._list(core)
                watch: Any = Watch()
                stream = watch.stream(
                    core.list_namespaced_pod,
                    self.namespace,
                    resource_version=version,
                    timeout_seconds=WATCH_S,
                    _request_timeout=(5, WATCH_S + 5),
                )
                for change in stream:
                    self._change(change["type"], change["object"])
                    version = change["object"].metadata.resource_version
                    if self.stopping.is_set():
                        return
            except ApiException:
                version = None
            except (OSError, HTTPError) as error:  # a busy API server is late; what it left out, the next list has
                self.recorder.note(f"{self.name}: listed again after {type(error).__name__}")
                version = None
                self.stopping.wait(0.5)

    def _list(self, core: Any) -> str:
        listed = core.list_namespaced_pod(self.namespace, _request_timeout=(5, 20))
        with self._lock:
            self._pods = {pod.metadata.uid: self._seen(pod) for pod in listed.items}
            self._tell()
        return str(listed.metadata.resource_version)

    def _change(self, kind: str, pod: Any) -> None:
        with self._lock:
            if kind == "DELETED":
                self._pods.pop(pod.metadata.uid, None)
            else:
                self._pods[pod.metadata.uid] = self._seen(pod)
            self._tell()

    def _seen(self, pod: Any) -> Seen:
        conditions = {condition.type: condition.status for condition in pod.status.conditions or []}
        counts = conditions.get("Ready") == "True" and pod.metadata.deletion_timestamp is None
        tier = (pod.metadata.labels or {}).get("app", "")
        return Seen(tier, self._zone_of.get(pod.spec.node_name, ""), counts)

    def _tell(self, *, always: bool = False) -> None:
        for tier in self.tiers:
            found = count(self._pods.values(), tier, self.excluded_zone)
            if always or self._told.get(tier) != (found, self.excluded_zone):
                self._told[tier] = (found, self.excluded_zone)
                extra = {"excluded_zone": self.excluded_zone} if self.excluded_zone else {}
                self.recorder.event(
                    "ready",
                    tier=tier,
                    namespace=self.namespace,
                    desired=self.desired[tier],
                    ready=found.ready,
                    by_zone=dict(found.by_zone),
                    **extra,
                )
