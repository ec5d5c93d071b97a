"""The authority and what it signs: made once, kept to their owner, and believed by a client that checks names."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest

from deploy import certificates, paths
from deploy.cluster import Cluster

NAMES = ("s3.backup-storage.svc.cluster.local", "localhost")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return Cluster("unit", tmp_path / "kubeconfig", "unit")


def test_authority_and_certificates_are_made_once(cluster: Cluster) -> None:
    assert certificates.authority(cluster) == certificates.authority(cluster)
    assert certificates.server(cluster, *NAMES) == certificates.server(cluster, *NAMES)


def test_other_names_make_another_certificate(cluster: Cluster) -> None:
    assert certificates.server(cluster, *NAMES) != certificates.server(cluster, NAMES[0])


def test_keys_are_their_owner_s_alone(cluster: Cluster) -> None:
    certificates.server(cluster, *NAMES)
    keys = list(paths.state(cluster.name).rglob("*.key"))
    assert [stat.S_IMODE(key.stat().st_mode) for key in keys] == [0o600, 0o600]


@pytest.mark.parametrize("name", NAMES)
def test_a_client_that_trusts_the_authority_believes_every_name(cluster: Cluster, name: str, tmp_path: Path) -> None:
    assert handshake(cluster, name, tmp_path) == "believed"


def test_another_name_is_not_believed(cluster: Cluster, tmp_path: Path) -> None:
    assert handshake(cluster, "elsewhere.test", tmp_path) == "refused"


def handshake(cluster: Cluster, name: str, folder: Path) -> str:
    """Connects a strict client with the server's certificate over a socket pair."""
    made = certificates.server(cluster, *NAMES)
    (folder / "tls.crt").write_text(made.certificate)
    (folder / "tls.key").write_text(made.key)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    trusting = ssl.create_default_context(cadata=certificates.authority(cluster))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = threading.Thread(target=_accept, args=(serving, theirs))
        server.start()
        try:
            trusting.wrap_socket(ours, server_hostname=name).close()
        except ssl.SSLCertVerificationError:
            return "refused"
        finally:
            ours.close()
            server.join(60)
    return "believed"


def _accept(context: ssl.SSLContext, end: socket.socket) -> None:
    try:
        context.wrap_socket(end, server_side=True).close()
    except OSError:
        end.close()
