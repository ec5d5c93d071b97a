"""The jobs that dump, archive, copy offsite and validate: when, how long it is kept, and what with."""

from __future__ import annotations

from pathlib import Path

from deploy import certificates, credentials
from deploy.cluster import Cluster
from deploy.component import Component


class BackupJobs(Component):
    """Needs keys of the storage, and the passwords of what it dumps."""

    def prepare(self, cluster: Cluster) -> None:
        """Makes the Secrets that its pods read; the pods that validate get no key but the storage's."""
        known = credentials.of(cluster)
        storage = {name: known[name] for name in ("s3-backup", "backup-encryption")}
        storage["ca.crt"] = certificates.authority(cluster)
        databases = {name: known[name] for name in ("backup-password", "redis-password")}
        backup, validation = self.folder / "namespace.yaml", self.folder / "namespace-validation.yaml"
        credentials.put(cluster, backup, "backup-storage", storage | {"s3-offsite": known["s3-offsite"]})
        credentials.put(cluster, backup, "databases", databases)
        credentials.put(cluster, validation, "backup-storage", storage)


COMPONENT = BackupJobs("backup-jobs", Path(__file__).parent, requires=("data", "object-storage"))
