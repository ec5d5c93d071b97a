"""A namespace with a volume that goes through a backup, its own deletion and a restore."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from deploy.cluster import Cluster
from deploy.waiting import eventually
from experiments.drivers import velero

OBJECTS = Path(__file__).with_name("velero-round-trip.yaml")
VELERO_S = 90
SIZE_BYTES = 8 * 2**20
# Random, so that no store can have the bytes from elsewhere.
FILL = f"head -c {SIZE_BYTES} /dev/urandom > /data/bytes && sha256sum < /data/bytes"
READ = "sha256sum < /data/bytes || echo none"


@dataclass
class RoundTrip:
    """One namespace's way into the store and back.

    Attributes:
        cluster: that it is in.
        name: of the namespace, the backup and the restore.
        seconds: how long each step took.
    """

    cluster: Cluster
    name: str
    seconds: dict[str, float] = field(default_factory=dict)

    def fill(self, *, annotations: dict[str, str]) -> str:
        """Starts the pod with its volume and returns the digest of the random bytes in it."""
        objects = list(yaml.safe_load_all(OBJECTS.read_text()))
        pod = next(item for item in objects if item["kind"] == "Pod")
        pod["metadata"]["annotations"] = annotations
        pod["spec"]["containers"][0]["image"] = self.cluster.pods("callers", "app=outsider")[0].spec.containers[0].image
        self.cluster.kubectl("create", "namespace", self.name)
        for item in objects:
            self.cluster.kubectl("-n", self.name, "create", "-f", "-", stdin=json.dumps(item))
        return self._in_pod(FILL)

    def back_up(self) -> str:
        """Returns the phase that the backup ended in."""
        spec = {"includedNamespaces": [self.name], "storageLocation": "default", "ttl": "1h"}
        return self._run("Backup", spec)

    def lose(self) -> None:
        """Deletes the namespace and its volume, and returns when both are gone."""
        begin = time.monotonic()
        self.cluster.kubectl("delete", "namespace", self.name, timeout_s=90)
        eventually(self._volumes, lambda left: not left, within_s=60, what="the end of the volume")
        self.seconds["loss"] = time.monotonic() - begin

    def restore(self) -> str:
        """Returns the phase that the restore ended in."""
        return self._run("Restore", {"backupName": self.name})

    def digest(self) -> str:
        """Returns the digest of what is in the volume now."""
        return self._in_pod(READ)

    def clean(self) -> None:
        """Leaves nothing behind, in the store neither."""
        self.cluster.kubectl("delete", "namespace", self.name, "--ignore-not-found", "--wait=false")
        velero.request(self.cluster, "DeleteBackupRequest", {"backupName": self.name}, name=self.name)

    def _run(self, kind: str, spec: dict[str, Any]) -> str:
        begin = time.monotonic()
        _, status = velero.run(self.cluster, kind, spec, VELERO_S, name=self.name)
        self.seconds[kind.lower()] = time.monotonic() - begin
        return str(status.get("phase", "not begun"))

    def _in_pod(self, script: str) -> str:
        argv = ("-n", self.name, "wait", "pod/keeper", "--for=condition=Ready", "--timeout=60s")
        eventually(lambda: self.cluster.kubectl(*argv, timeout_s=70), bool, within_s=60, what="the pod to be ready")
        return self.cluster.exec(self.name, "keeper", ["sh", "-c", script]).strip()

    def _volumes(self) -> list[str]:
        volumes = self.cluster.core.list_persistent_volume(_request_timeout=20).items
        return [item.metadata.name for item in volumes if item.spec.claim_ref.namespace == self.name]


@contextmanager
def round_trip(cluster: Cluster) -> Iterator[RoundTrip]:
    """Gives a name nobody else has; namespace and backup are gone afterwards, whatever happened in between."""
    trip = RoundTrip(cluster, f"round-trip-{uuid4().hex[:8]}")
    try:
        yield trip
    finally:
        trip.clean()
