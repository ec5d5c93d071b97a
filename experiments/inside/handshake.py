"""Runs in a pod outside the mesh: tries to be served by ports that should refuse.

argv[1] is JSON: {"ports": [[name, ip, port], …], "modes": […], "timeout_s"}; prints one JSON line for each try:
{"name", "port", "mode", "outcome", "detail", "peer_identity"}. Standard library only. The mode `mesh` is the positive
control: the same, with a workload's certificate and key, PEM, that come on standard input and end with the line "end".

Whether a port *accepted* is judged by application data that comes back, by a connection that is held open, or by an
orderly TLS close: in TLS 1.3 a client finishes its handshake before the server has refused the missing certificate, so
"connected" says nothing; and that refusal is an alert or a broken connection, never an orderly close. Each try speaks
HTTP, Redis and PostgreSQL in turn, since a port is silent to the wrong protocol. Who is silent is asked once more and
longer, when the others have answered: a refusal that a busy machine sends late is no connection that is held open.
"""

import json
import re
import socket
import ssl
import struct
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Try = tuple[tuple[str, str, int], str, ssl.SSLContext]  # (name, address, port), mode, client
HELD = "held open"
LONGER = 3  # times the patience, for who was silent
GREETINGS = (
    b"GET / HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n",
    b"PING\r\n",
    struct.pack("!ii", 8, 80877103),  # PostgreSQL's SSLRequest: any server answers it with one byte
)
# subjectAltName is a list of tagged strings; a URI has tag 0x86 and, below 128 bytes, one length byte
SPIFFE = re.compile(rb"\x86([\x09-\x7f])(spiffe://[\x21-\x7e]+)")


def context(mode: str, certificate: str) -> ssl.SSLContext:
    """A client that speaks one version of TLS; only in the mode `mesh` it has a certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_alpn_protocols(["istio-peer-exchange", "istio"])  # what a sidecar offers: the strictest reading
    if mode == "tls1.2":
        made.minimum_version, made.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
    else:
        made.minimum_version = ssl.TLSVersion.TLSv1_3
    if mode == "mesh":
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # nobody else may read it, and it is gone at once
            file.write(certificate)
            file.flush()
            made.load_cert_chain(file.name)
    return made


def identity(certificate: bytes | None) -> str | None:
    """The SPIFFE name in a certificate, DER."""
    found = SPIFFE.search(certificate or b"")
    return found[2][: found[1][0]].decode() if found else None


def talk(connection: socket.socket, greeting: bytes) -> tuple[str, str]:
    """(outcome, detail) of speaking on a connection that stands."""
    try:
        connection.sendall(greeting)
        data = connection.recv(64)
    except TimeoutError:
        return "accepted", f"{HELD} without an answer"
    except OSError as error:
        return "refused", f"{type(error).__name__}: {error}"
    if data:
        return "accepted", f"answered {data[:24]!r}"
    if isinstance(connection, ssl.SSLSocket):  # an orderly close is said under the session's own keys: TLS stood
        return "accepted", "TLS stood, and an authorization closed it"
    return "refused", "closed without a byte"


def once(
    ip: str, port: int, mode: str, greeting: bytes, client: ssl.SSLContext, timeout_s: float
) -> tuple[str, str, str | None]:
    """(outcome, detail, peer identity) of one connection."""
    try:
        raw = socket.create_connection((ip, port), timeout=timeout_s)
    except OSError as error:
        return "unreachable", f"{type(error).__name__}: {error}", None
    with raw:
        if mode == "plaintext":
            return (*talk(raw, greeting), None)
        try:
            wrapped = client.wrap_socket(raw, server_hostname=None)
        except ssl.SSLError as error:
            return (*tls_refusal(mode, str(error.reason or error)), None)
        except TimeoutError:
            return "accepted", f"{HELD} in the handshake", None
        except OSError as error:
            return "refused", f"{type(error).__name__}: {error}", None
        with wrapped:
            peer = identity(wrapped.getpeercert(binary_form=True))
            return (*talk(wrapped, greeting), peer)


def tls_refusal(mode: str, reason: str) -> tuple[str, str]:
    """TLS 1.2 must fail for its version: any other alert means that 1.2 itself was agreed on."""
    if mode == "tls1.2" and "ALERT" in reason and "PROTOCOL_VERSION" not in reason:
        return "accepted", f"TLS 1.2 was agreed on, only the certificate was missing: {reason}"
    return "refused", reason


def attempt(wanted: Try, timeout_s: float) -> dict[str, Any]:
    """Tries one port in one mode; the most generous of its answers counts."""
    (name, ip, port), mode, client = wanted
    outcomes = []
    for greeting in GREETINGS:
        outcomes.append(once(ip, port, mode, greeting, client, timeout_s))
        if outcomes[-1][0] == "accepted":
            break
    peer = next((each[2] for each in outcomes if each[2]), None)
    worst = next(each for result in ("accepted", "unreachable", "refused") for each in outcomes if each[0] == result)
    return {"name": name, "port": port, "mode": mode, "outcome": worst[0], "detail": worst[1], "peer_identity": peer}


def tried(tries: list[Try], timeout_s: float) -> list[dict[str, Any]]:
    """What came of each try; of who was silent, what came of it the second time."""
    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(lambda each: attempt(each, timeout_s), tries))
        silent = [each for each, result in zip(tries, first, strict=True) if held(result)]
        second = pool.map(lambda each: attempt(each, LONGER * timeout_s), silent)
        return [next(second) if held(result) else result for result in first]


def held(result: dict[str, Any]) -> bool:
    """Whether a try ended in silence."""
    return bool(result["detail"].startswith(HELD))


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    pem = "".join(iter(sys.stdin.readline, "end\n")) if "mesh" in asked["modes"] else ""
    clients = {mode: context(mode, pem) for mode in asked["modes"]}
    every = [(port, mode, clients[mode]) for port in asked["ports"] for mode in asked["modes"]]
    for outcome in tried(every, asked["timeout_s"]):
        print(json.dumps(outcome), flush=True)
