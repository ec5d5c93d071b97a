"""The shop over three zones: 9 app, 6 API and 6 worker replicas with budgets, autoscalers and priorities."""

from __future__ import annotations

from pathlib import Path

from deploy import credentials
from deploy.cluster import Cluster
from deploy.component import Component


class Shop(Component):
    """Needs the passwords of the databases before its pods start."""

    def prepare(self, cluster: Cluster) -> None:
        """Makes the Secret that its pods read."""
        known = credentials.of(cluster)
        data = {"PGPASSWORD": known["shop-password"], "REDIS_PASSWORD": known["redis-password"]}
        credentials.put(cluster, self.folder / "namespace.yaml", "data-credentials", data)


COMPONENT = Shop("high-availability", Path(__file__).parent, requires=("istio", "vpa"))
