"""PostgreSQL (Patroni: a primary, two streaming replicas) and Redis (a primary, two replicas, Sentinel), over zones."""

from __future__ import annotations

from pathlib import Path

from deploy import credentials
from deploy.cluster import Cluster
from deploy.component import Component


class Data(Component):
    """Needs generated passwords before its pods start."""

    def prepare(self, cluster: Cluster) -> None:
        """Makes the Secrets that its pods read."""
        known = credentials.of(cluster)
        postgres = {name: known[name] for name in ("superuser-password", "replication-password", "shop-password")}
        namespace = self.folder / "namespace.yaml"
        credentials.put(cluster, namespace, "postgres-credentials", postgres)
        credentials.put(cluster, namespace, "redis-credentials", {"password": known["redis-password"]})


COMPONENT = Data("data", Path(__file__).parent, requires=("istio", "storage"))
