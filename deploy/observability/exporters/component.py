"""Exporters: figures of Kubernetes' objects, of the nodes, and of the databases."""

from __future__ import annotations

from pathlib import Path

from deploy import credentials
from deploy.cluster import Cluster
from deploy.component import Component
from deploy.paths import DEPLOY

HERE = Path(__file__).parent


class Exporters(Component):
    """The exporters of the databases log in, so their passwords come first."""

    def prepare(self, cluster: Cluster) -> None:
        """Makes the Secret that they read."""
        known = credentials.of(cluster)
        passwords = {name: known[name] for name in ("monitoring-password", "redis-password")}
        credentials.put(cluster, DEPLOY / "observability/namespace/namespace.yaml", "data-exporters", passwords)


COMPONENT = Exporters("exporters", HERE, requires=("istio",))
