"""A namespace with a server and two callers on different nodes, and network policies that come and go."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from deploy.cluster import Cluster
from deploy.waiting import eventually

OBJECTS = Path(__file__).with_name("network-policy.yaml")
CALLERS = ("friend", "stranger")
# Packets that are dropped say nothing: a second without an answer on a network inside one machine is a closed door.
PROBE = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 8080), timeout=1).close()
    print("open")
except OSError:
    print("closed")
"""


@dataclass
class Stage:
    """Where policies are tried.

    Attributes:
        cluster: that it is in.
        namespace: its own, nobody else's.
        objects: what the YAML file holds, by name.
        server_ip: address of the pod that is called.
    """

    cluster: Cluster
    namespace: str
    objects: dict[str, dict[str, Any]]
    server_ip: str = field(default="", init=False)

    def start(self) -> None:
        """Starts the server and the stranger on one node and the friend on another, and waits until all are ready."""
        here, there = (self.cluster.nodes_in(zone)[0] for zone in self.cluster.zones()[:2])
        image = self.cluster.pods("callers", "app=outsider")[0].spec.containers[0].image
        for name, node in {"server": here, "stranger": here, "friend": there}.items():
            spec = self.objects[name]["spec"]
            spec["nodeSelector"] = {"kubernetes.io/hostname": node}
            spec["containers"][0]["image"] = image
            self._create(name)
        self.cluster.kubectl(
            *("-n", self.namespace, "wait", "pod", "--all", "--for=condition=Ready", "--timeout=60s"), timeout_s=70
        )
        self.server_ip = self.cluster.core.read_namespaced_pod("server", self.namespace).status.pod_ip

    def doors(self) -> dict[str, str]:
        """Says of each caller whether the server's door is "open" or "closed" to it."""
        return {caller: self._door(caller) for caller in CALLERS}

    @contextmanager
    def policy(self, name: str) -> Iterator[None]:
        """Keeps a policy in force for a while."""
        self._create(name)
        try:
            yield
        finally:
            self.cluster.kubectl("-n", self.namespace, "delete", "networkpolicy", name, "--ignore-not-found")

    def _door(self, caller: str) -> str:
        return self.cluster.exec(self.namespace, caller, ["python3", "-c", PROBE, self.server_ip]).strip()

    def _create(self, name: str) -> None:
        self.cluster.kubectl("-n", self.namespace, "create", "-f", "-", stdin=json.dumps(self.objects[name]))


@contextmanager
def stage(cluster: Cluster) -> Iterator[Stage]:
    """Makes the namespace with its pods; it is gone afterwards, whatever happened in between."""
    objects = {item["metadata"]["name"]: item for item in yaml.safe_load_all(OBJECTS.read_text())}
    made = Stage(cluster, f"network-policy-{uuid.uuid4().hex[:8]}", objects)
    cluster.kubectl("create", "namespace", made.namespace)
    try:
        made.start()
        yield made
    finally:
        cluster.kubectl("delete", "namespace", made.namespace, "--wait=false")
        eventually(lambda: _namespaces(cluster), lambda there: made.namespace not in there, within_s=60, what="its end")


def _namespaces(cluster: Cluster) -> list[str]:
    return [item.metadata.name for item in cluster.core.list_namespace(_request_timeout=20).items]
