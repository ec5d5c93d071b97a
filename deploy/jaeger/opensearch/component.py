"""OpenSearch: where Jaeger keeps its traces, on a volume and behind a password."""

from __future__ import annotations

from pathlib import Path

from deploy import apply, certificates, credentials
from deploy.cluster import Cluster
from deploy.component import Component

USER = "jaeger"
ADDRESS = "opensearch.tracing.svc.cluster.local"


class OpenSearch(Component):
    """Needs its password and its certificate before its pods start."""

    def prepare(self, cluster: Cluster) -> None:
        """Makes what the proxy serves with and checks by, and what Jaeger comes with."""
        password = credentials.of(cluster)["opensearch-password"]
        made = certificates.server(cluster, ADDRESS, "localhost")
        access = {"htpasswd": f"{USER}:{{PLAIN}}{password}\n", "tls.crt": made.certificate, "tls.key": made.key}
        namespace = self.folder / "namespace.yaml"
        credentials.put(cluster, namespace, "opensearch-access", access)
        credentials.put(cluster, namespace, "opensearch-login", {"ES_USERNAME": USER, "ES_PASSWORD": password})
        trusted = {"name": "opensearch-authority", "namespace": "tracing"}
        ca = {"ca.crt": certificates.authority(cluster)}
        apply.apply(cluster, [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": trusted, "data": ca}])


COMPONENT = OpenSearch("opensearch", Path(__file__).parent, requires=("storage",))
