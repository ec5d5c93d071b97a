"""Certificates: one authority per cluster, kept in its state (keys with mode 0600), and what it signs for servers."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy import paths
from deploy.cluster import Cluster
from deploy.files import only_one, replace_text
from deploy.shell import run

DAYS = 3650  # longer than any of these clusters lives; renewing would have to restart every server
CONFIGURATION = """
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its private key, both PEM."""

    certificate: str
    key: str


def authority(cluster: Cluster) -> str:
    """Returns the certificate (PEM) that clients must trust to trust this cluster's servers."""
    return _kept(cluster, "authority", "authority", ["-subj", "/CN=resilience authority"]).certificate


def server(cluster: Cluster, *names: str) -> Certificate:
    """Returns the certificate of a server, signed by the cluster's authority; the same one at every call.

    Args:
        cluster: whose authority signs.
        names: DNS names that clients call the server by; the first one also names the files.
    """
    authority(cluster)
    folder = _folder(cluster)
    signer = ["-CA", str(folder / "authority.crt"), "-CAkey", str(folder / "authority.key")]
    alternatives = ",".join(f"DNS:{name}" for name in names)
    subject = ["-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={alternatives}"]
    return _kept(cluster, names[0], "server", [*signer, *subject])


def _folder(cluster: Cluster) -> Path:
    return paths.state(cluster.name) / "certificates"


def _kept(cluster: Cluster, name: str, role: str, options: list[str]) -> Certificate:
    """Returns what is kept under a name, and first makes it if it is not there or was asked for with other options."""
    folder = _folder(cluster)
    certificate, key, asked = (folder / f"{name}.{ending}" for ending in ("crt", "key", "asked"))
    # Components are prepared at the same time: all must get the same authority.
    with only_one(folder.with_name(f"certificates-{name}.lock")):
        wanted = "\n".join(options)
        if not asked.exists() or asked.read_text() != wanted:
            made = _make(role, options)
            replace_text(certificate, made.certificate)
            replace_text(key, made.key, mode=0o600)
            replace_text(asked, wanted)  # last: its presence says that the other two are whole
        return Certificate(certificate.read_text(), key.read_text())


def _make(role: str, options: list[str]) -> Certificate:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "openssl.cnf").write_text(CONFIGURATION)
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(DAYS)]
        files = ["-config", "openssl.cnf", "-keyout", "key", "-out", "certificate"]
        run(
            ["openssl", "req", "-x509", *kind, "-extensions", role, *options, *files],
            what=f"making a certificate ({role})",
            fix="install OpenSSL 3",
            cwd=folder,
        )
        return Certificate((folder / "certificate").read_text(), (folder / "key").read_text())
