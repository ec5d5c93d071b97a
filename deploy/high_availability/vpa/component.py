"""Vertical Pod Autoscaler: recommender, updater and admission controller."""

from __future__ import annotations

from pathlib import Path

from deploy import apply, certificates, manifests
from deploy.cluster import Cluster
from deploy.component import Component
from deploy.images import programs
from deploy.manifests import Manifest

HERE = Path(__file__).parent
GRAPH, MODULE = "platform", "k8s.io/autoscaler/vertical-pod-autoscaler"
WEBHOOK_HOST = "vpa-webhook.kube-system.svc"
SECRET = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls"}


class VerticalPodAutoscaler(Component):
    """Its definitions and roles are read from the Go module that its programs are built from."""

    def render(self, references: dict[str, str]) -> list[Manifest]:
        """Returns definitions and roles of the module, and our Deployments."""
        ours = manifests.render(self.folder, references)

        def make() -> list[Manifest]:
            folder = programs.module_folder(GRAPH, MODULE) / "deploy"
            files = ("vpa-v1-crd-gen.yaml", "vpa-rbac.yaml")
            return [item for file in files for item in manifests.parse((folder / file).read_text(), file)]

        graph = programs.graph_folder(GRAPH)
        return manifests.kept(manifests.fingerprint(self.folder, (graph / "go.mod").read_text()), make) + ours

    def prepare(self, cluster: Cluster) -> None:
        """Makes the Secret of the webhook: its certificate, and the authority that the API server is told to trust."""
        made = certificates.server(cluster, WEBHOOK_HOST)
        data = {"tls.key": made.key, "tls.crt": made.certificate, "ca.crt": certificates.authority(cluster)}
        metadata = {"name": "vpa-tls-certs", "namespace": "kube-system"}
        apply.apply(cluster, [{**SECRET, "metadata": metadata, "stringData": data}])


COMPONENT = VerticalPodAutoscaler("vpa", HERE)
