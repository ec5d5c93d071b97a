"""Velero: backups of Kubernetes objects and volumes on a schedule, and restores."""

from __future__ import annotations

from pathlib import Path

from deploy import certificates, credentials, manifests
from deploy.cluster import Cluster
from deploy.component import Component
from deploy.images import programs
from deploy.manifests import Manifest

GRAPH, MODULE = "platform", "github.com/vmware-tanzu/velero"
# The file format of the AWS SDK; the access key is the identity's name (object_storage/component.py).
PROFILE = "[default]\naws_access_key_id={name}\naws_secret_access_key={secret}\n"


class Velero(Component):
    """Its definitions are read from the Go module that its programs are built from."""

    def render(self, references: dict[str, str]) -> list[Manifest]:
        """Returns the definitions of the module, and our objects."""
        ours = manifests.render(self.folder, references)

        def make() -> list[Manifest]:
            files = sorted((programs.module_folder(GRAPH, MODULE) / "config" / "crd").glob("*/bases/*.yaml"))
            return [item for file in files for item in manifests.parse(file.read_text(), file.name)]

        graph = programs.graph_folder(GRAPH)
        return manifests.kept(manifests.fingerprint(self.folder, (graph / "go.mod").read_text()), make) + ours

    def prepare(self, cluster: Cluster) -> None:
        """Makes the Secrets: keys of the stores, their authority, what volumes are encrypted with."""
        known = credentials.of(cluster)
        namespace = self.folder / "namespace.yaml"
        profile = PROFILE.format(name="velero", secret=known["s3-velero"])
        credentials.put(cluster, namespace, "object-storage", {"velero": profile})
        credentials.put(cluster, namespace, "backup-storage-ca", {"ca.crt": certificates.authority(cluster)})
        credentials.put(
            cluster, namespace, "velero-repo-credentials", {"repository-password": known["velero-encryption"]}
        )


COMPONENT = Velero("velero", Path(__file__).parent, requires=("object-storage", "storage"))
