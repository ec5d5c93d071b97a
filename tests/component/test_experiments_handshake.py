"""The script that knocks at ports: what it calls accepted, refused and unreachable, against real sockets."""

import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import Any

import pytest

from deploy.paths import ROOT

SCRIPT = ROOT / "experiments" / "inside" / "handshake.py"


@contextmanager
def server(answer: Any) -> Any:
    """Serves connections on a port of this machine with a function, until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    held = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            held.append(connection)
            answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        for connection in held:
            connection.close()


def knock(port: Any, *modes: str, certificate: str = "", patience_s: float = 60) -> Any:
    asked = json.dumps({"ports": [["shop/app:1", "127.0.0.1", port]], "modes": modes, "timeout_s": patience_s})
    done = subprocess.run(
        [sys.executable, SCRIPT, asked],
        input=f"{certificate}end\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return {result["mode"]: result for result in map(json.loads, done.stdout.splitlines())}


def answers_redis_only(connection: Any) -> None:
    if connection.recv(64).startswith(b"PING"):
        connection.sendall(b"+PONG\r\n")
    connection.close()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (lambda connection: (connection.recv(64), connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")), "accepted"),
        (answers_redis_only, "accepted"),
        (lambda connection: (connection.recv(64), connection.close()), "refused"),
    ],
    ids=["any HTTP answer", "another protocol", "closed without a byte"],
)
def test_plaintext(answer: Any, outcome: Any) -> None:
    with server(answer) as port:
        assert knock(port, "plaintext")["plaintext"]["outcome"] == outcome


def test_a_connection_that_is_held_open_was_accepted() -> None:
    with server(lambda _: None) as port:
        seen = knock(port, "plaintext", patience_s=0.5)["plaintext"]
    assert (seen["outcome"], seen["detail"]) == ("accepted", "held open without an answer")


@pytest.mark.parametrize("mode", ["plaintext", "tls1.2"])
def test_a_refusal_that_comes_late_is_none_the_less_a_refusal(mode: str) -> None:
    """Seen live: beside other work a proxy's alert took over 2 s, and the port was said to accept TLS 1.2."""
    met: list[Any] = []

    def busy_at_first(connection: Any) -> None:
        met.append(connection)
        if len(met) > 1:
            connection.recv(600)
            connection.close()

    with server(busy_at_first) as port:
        assert knock(port, mode, patience_s=0.5)[mode]["outcome"] == "refused"
    assert len(met) == 4  # once in vain, then in each of three protocols


def test_a_port_that_speaks_no_tls_refuses_both_versions_of_it() -> None:
    with server(lambda connection: (connection.recv(600), connection.close())) as port:
        seen = knock(port, "tls1.2", "tls1.3-no-cert")
    assert {result["outcome"] for result in seen.values()} == {"refused"}


def test_a_port_where_nobody_listens_is_unreachable_not_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert knock(port, "plaintext")["plaintext"]["outcome"] == "unreachable"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: Any) -> Any:
    """A self-signed certificate with a workload's name, and its key, in one file."""
    if not shutil.which("openssl"):
        pytest.fail("openssl makes the certificate, and is not there: apt-get install openssl", pytrace=False)
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=x", "-addext", "subjectAltName=URI:spiffe://cluster.local/ns/shop/sa/app"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names]
    subprocess.run([*made, "-keyout", folder / "key", "-out", folder / "cert"], check=True, capture_output=True)
    (folder / "both").write_text((folder / "cert").read_text() + (folder / "key").read_text())
    return folder / "both"


def speaking_tls(certificate: Any, *, oldest: ssl.TLSVersion, client_must_be_known: bool) -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.minimum_version = oldest
    if client_must_be_known:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificate)

    def answer(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as channel:
                channel.recv(64)
                channel.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        except OSError:
            connection.close()

    return answer


def outcomes(certificate: Any, **server_is: Any) -> Any:
    with server(speaking_tls(certificate, **server_is)) as port:
        seen = knock(port, "plaintext", "tls1.2", "tls1.3-no-cert", "mesh", certificate=certificate.read_text())
    return {mode: result["outcome"] for mode, result in seen.items()}, seen


def test_a_strict_port_refuses_all_but_the_mesh_and_says_who_it_is(certificate: Any) -> None:
    outcome, seen = outcomes(certificate, oldest=ssl.TLSVersion.TLSv1_3, client_must_be_known=True)
    assert outcome == {"plaintext": "refused", "tls1.2": "refused", "tls1.3-no-cert": "refused", "mesh": "accepted"}
    assert (
        seen["tls1.3-no-cert"]["peer_identity"]
        == seen["mesh"]["peer_identity"]
        == "spiffe://cluster.local/ns/shop/sa/app"
    )


def test_a_port_that_would_speak_tls_1_2_to_a_known_client_is_found_without_a_certificate(certificate: Any) -> None:
    outcome, _ = outcomes(certificate, oldest=ssl.TLSVersion.TLSv1_2, client_must_be_known=True)
    assert (outcome["tls1.2"], outcome["tls1.3-no-cert"]) == ("accepted", "refused")


def test_a_port_that_asks_for_no_certificate_is_found(certificate: Any) -> None:
    outcome, _ = outcomes(certificate, oldest=ssl.TLSVersion.TLSv1_3, client_must_be_known=False)
    assert (outcome["tls1.2"], outcome["tls1.3-no-cert"]) == ("refused", "accepted")
