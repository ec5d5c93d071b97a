"""Passwords: generated once per cluster, kept in its state (mode 0600), never in the repository nor in a record."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import yaml

from deploy import apply, paths
from deploy.cluster import Cluster
from deploy.files import only_one, replace_text

NAMES = (
    "superuser-password",
    "replication-password",
    "monitoring-password",
    "shop-password",
    "backup-password",
    "redis-password",
    "s3-admin",
    "s3-velero",
    "s3-backup",
    "s3-offsite",
    "backup-encryption",
    "velero-encryption",
    "opensearch-password",
)


def of(cluster: Cluster) -> dict[str, str]:
    """Returns the passwords of a cluster by name, generating those that it does not have yet."""
    file = paths.state(cluster.name) / "credentials.json"
    # Components are prepared at the same time: the database and the shop must get the same passwords.
    with only_one(file.with_suffix(".lock")):
        known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        missing = [name for name in NAMES if name not in known]
        if missing:
            known |= {name: secrets.token_urlsafe(24) for name in missing}
            replace_text(file, json.dumps(known), mode=0o600)
    return known


def put(
    cluster: Cluster, namespace: Path, name: str, data: dict[str, str], *, annotations: dict[str, str] | None = None
) -> None:
    """Applies a Secret, and first the namespace that it lives in.

    Args:
        cluster: where.
        namespace: the file with the Namespace object, so that its labels are there from the start.
        name: of the Secret.
        data: plain values.
        annotations: of the Secret.
    """
    place = yaml.safe_load(namespace.read_text())
    metadata = {"name": name, "namespace": place["metadata"]["name"], "annotations": annotations or {}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "stringData": data}
    apply.apply(cluster, [place, secret])
