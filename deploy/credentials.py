"""Passwords: generated once per cluster, kept in its state (mode 0600), never in the repository nor in a record."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Iterator
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


def known(name: str) -> list[str]:
    """Returns every secret that the suite keeps of a cluster, in plain text; [] for one that has no state here.

    Passwords, private keys, and what kubeconfigs (RESILIENCE_KUBECONFIG, if that names one) prove an identity with,
    the short-lived ones of accounts too.
    """
    state = paths.state(name)
    passwords = state / "credentials.json"
    found = list(json.loads(passwords.read_text()).values()) if passwords.exists() else []
    found += [file.read_text() for file in sorted(state.rglob("*.key"))]
    foreign = os.environ.get("RESILIENCE_KUBECONFIG")
    for file in {*state.glob("kubeconfig*"), *state.glob("accounts/*"), *([Path(foreign)] if foreign else [])}:
        found += _of_kubeconfig(file)
    return [secret for secret in found if secret.strip()]


def version(name: str) -> tuple[int, ...]:
    """Returns what changes when a secret comes or goes: when the folders of a cluster's state were last changed."""
    state = paths.state(name)
    folders = (state, state / "certificates", state / "accounts")
    return tuple(folder.stat().st_mtime_ns for folder in folders if folder.is_dir())


def _of_kubeconfig(file: Path) -> Iterator[str]:
    try:
        users = (yaml.safe_load(file.read_text()) or {}).get("users") or []
    except (OSError, ValueError, yaml.YAMLError, AttributeError):
        return  # whoever connects with it says what is wrong
    for each in users:
        user = each.get("user") or {}
        yield from (str(user[key]) for key in ("token", "password") if user.get(key))
        if user.get("client-key-data"):
            yield base64.b64decode(user["client-key-data"]).decode(errors="replace")


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
