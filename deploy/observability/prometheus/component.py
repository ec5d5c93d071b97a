"""Prometheus with its alert rules, and Alertmanager."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from deploy import credentials
from deploy.cluster import Cluster
from deploy.component import Component
from deploy.manifests import Manifest
from deploy.paths import DEPLOY

HERE = Path(__file__).parent
RECEIVERS, SETTINGS = "alertmanager", "alertmanager.yml"
WRITTEN = "resilience.test/written"  # hash of what we wrote: what differs from it, an operator wrote


class Prometheus(Component):
    """Alertmanager's receivers are a Secret, because real addresses and keys are secrets."""

    def render(self, references: dict[str, str]) -> list[Manifest]:
        """Returns its manifests; other settings start Alertmanager anew, which reads them only then."""
        objects = super().render(references)
        for item in objects:
            if (item["kind"], item["metadata"]["name"]) == ("Deployment", RECEIVERS):
                item["spec"]["template"]["metadata"]["annotations"] = {WRITTEN: _digest(self._settings())}
        return objects

    def prepare(self, cluster: Cluster) -> None:
        """Makes the Secret with alertmanager.yml, and makes it anew while it is ours: what an operator wrote stays."""
        from kubernetes.client import ApiException

        settings = self._settings()
        try:
            live = cluster.core.read_namespaced_secret(RECEIVERS, "observability", _request_timeout=20)
            there = base64.b64decode((live.data or {}).get(SETTINGS, ""))
            if (live.metadata.annotations or {}).get(WRITTEN) != _digest(there):
                return
        except ApiException as error:
            if error.status != 404:
                raise
        namespace = DEPLOY / "observability/namespace/namespace.yaml"
        written = {WRITTEN: _digest(settings)}
        credentials.put(cluster, namespace, RECEIVERS, {SETTINGS: settings.decode()}, annotations=written)

    def _settings(self) -> bytes:
        return (self.folder / SETTINGS).read_bytes()


def _digest(settings: bytes) -> str:
    return hashlib.sha256(settings).hexdigest()[:20]


ADDRESSES = {"prometheus": "prometheus", "alertmanager": "alertmanager"}
COMPONENT = Prometheus("prometheus", HERE, requires=("istio",), addresses=ADDRESSES)
