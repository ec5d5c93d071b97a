"""Object storage: two S3 servers, the primary in a zone and the offsite one apart from all zones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deploy import certificates, credentials
from deploy.cluster import Cluster
from deploy.component import Component

NAMESPACE = "backup-storage"
BUCKETS = {"velero": ("velero",), "backup": ("postgresql", "dumps")}  # whose they are: identity -> buckets
READ, WRITE = ("Read", "List"), ("Read", "List", "Write", "Tagging")
ADMIN = ("Admin",)


def identities(passwords: dict[str, str], *, offsite: bool) -> str:
    """Returns a server's list of who may do what (its configuration file).

    The offsite server takes writes from the replication alone: who owns a bucket on the primary may read its copy, so
    that a stolen key of the primary's, or its owner's mistake, does not reach the last copy.

    Args:
        passwords: by name (deploy/credentials.py); an identity's access key is its name.
        offsite: for the offsite server.
    """
    buckets = [bucket for names in BUCKETS.values() for bucket in names]
    rights = {name: _rights(READ if offsite else WRITE, names) for name, names in BUCKETS.items()}
    rights["offsite"] = _rights(WRITE if offsite else READ, buckets)
    rights["admin"] = list(ADMIN)
    return json.dumps({"identities": [_identity(name, passwords[f"s3-{name}"], may) for name, may in rights.items()]})


def address(service: str) -> str:
    """Returns the DNS name of one of the servers ("s3" or "s3-offsite")."""
    return f"{service}.{NAMESPACE}.svc.cluster.local"


def _rights(actions: tuple[str, ...], buckets: list[str] | tuple[str, ...]) -> list[str]:
    return [f"{action}:{bucket}" for bucket in buckets for action in actions]


def _identity(name: str, secret: str, actions: list[str]) -> dict[str, Any]:
    return {"name": name, "credentials": [{"accessKey": name, "secretKey": secret}], "actions": actions}


class ObjectStorage(Component):
    """Its servers need a certificate and the list of who may do what."""

    def prepare(self, cluster: Cluster) -> None:
        """Makes a Secret for each server, and a copy of the authority's certificate for clients in this namespace."""
        passwords = credentials.of(cluster)
        namespace = self.folder / "namespace.yaml"
        for service, offsite in (("s3", False), ("s3-offsite", True)):
            made = certificates.server(cluster, address(service), f"{service}.{NAMESPACE}.svc", service, "localhost")
            data = {"tls.crt": made.certificate, "tls.key": made.key}
            data["identities.json"] = identities(passwords, offsite=offsite)
            credentials.put(cluster, namespace, service, data)
        credentials.put(cluster, namespace, "backup-storage-ca", {"ca.crt": certificates.authority(cluster)})


COMPONENT = ObjectStorage("object-storage", Path(__file__).parent, requires=("storage",))
