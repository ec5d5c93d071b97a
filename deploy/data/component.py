"""PostgreSQL (Patroni: a primary, two streaming replicas) and Redis (a primary, two replicas, Sentinel), over zones."""

from __future__ import annotations

from pathlib import Path

from deploy import certificates, credentials, rollout
from deploy.cluster import Cluster
from deploy.component import Component, Say
from deploy.manifests import Manifest
from deploy.waiting import NotSo, eventually

NAMESPACE = "data"
FIRST_BACKUP = ("/bin/sh", "/etc/patroni/first_backup")
BACKUP_PATIENCE_S = 120


class Data(Component):
    """Needs generated passwords before its pods start, and counts as ready when a first backup can be restored."""

    def prepare(self, cluster: Cluster) -> None:
        """Makes the Secrets that its pods read."""
        known = credentials.of(cluster)
        roles = ("superuser", "replication", "monitoring", "backup", "shop")
        postgres = {f"{role}-password": known[f"{role}-password"] for role in roles}
        repository = {
            "s3-key-secret": known["s3-backup"],
            "cipher-pass": known["backup-encryption"],
            "ca.crt": certificates.authority(cluster),
        }
        namespace = self.folder / "namespace.yaml"
        credentials.put(cluster, namespace, "postgres-credentials", postgres)
        credentials.put(cluster, namespace, "backup-repository", repository)
        credentials.put(cluster, namespace, "redis-credentials", {"password": known["redis-password"]})

    def ready(self, cluster: Cluster, objects: list[Manifest], say: Say) -> None:
        """Waits for the pods, then takes the first full backup where there is none: until then nothing is safe."""
        super().ready(cluster, objects, say)
        say("first backup of PostgreSQL")
        try:
            eventually(
                lambda: cluster.exec(NAMESPACE, _primary(cluster), FIRST_BACKUP, container="postgres", timeout_s=300),
                lambda _: True,
                within_s=BACKUP_PATIENCE_S,
                every_s=5,
                what="a first backup of PostgreSQL",
            )
        except NotSo as error:
            raise rollout.NotReady(str(error)) from error


def _primary(cluster: Cluster) -> str:
    pods = cluster.pods(NAMESPACE, "app=postgres,role=primary")
    return str(pods[0].metadata.name)


COMPONENT = Data("data", Path(__file__).parent, requires=("istio", "storage", "object-storage"))
