"""Prometheus with its alert rules, and Alertmanager."""

from __future__ import annotations

from pathlib import Path

from deploy import credentials
from deploy.cluster import Cluster
from deploy.component import Component
from deploy.paths import DEPLOY

HERE = Path(__file__).parent
RECEIVERS = "alertmanager"


class Prometheus(Component):
    """Alertmanager's receivers are a Secret, because real addresses and keys are secrets."""

    def prepare(self, cluster: Cluster) -> None:
        """Makes the Secret with alertmanager.yml unless it is there: what an operator wrote into it stays."""
        from kubernetes.client import ApiException

        try:
            cluster.core.read_namespaced_secret(RECEIVERS, "observability", _request_timeout=20)
        except ApiException as error:
            if error.status != 404:
                raise
            namespace = DEPLOY / "observability/namespace/namespace.yaml"
            settings = {"alertmanager.yml": (self.folder / "alertmanager.yml").read_text()}
            credentials.put(cluster, namespace, RECEIVERS, settings)


ADDRESSES = {"prometheus": "prometheus", "alertmanager": "alertmanager"}
COMPONENT = Prometheus("prometheus", HERE, requires=("istio",), addresses=ADDRESSES)
