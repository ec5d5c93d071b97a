"""Runs in a pod: calls a host by address, under a name in the TLS handshake, and tells what came of it.

argv[1] is JSON: {"calls": [{"ip", "port", "name", "path"}], "timeout_s"}; prints one JSON list of {"outcome", "body"}
in the same order. `answered`: TLS stood and the host spoke. `closed`: the connection was taken and then closed in the
handshake, which is what a proxy does with a host that it does not know. `silent`: anything else, in words.
"""

import http.client
import json
import socket
import ssl
import sys
from typing import Any


def call(asked: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """Makes one call."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    try:
        raw = socket.create_connection((asked["ip"], asked["port"]), timeout=timeout_s)
    except OSError as error:
        return {"outcome": "silent", "body": f"no connection: {type(error).__name__}: {error}"}
    with raw:
        try:
            channel = client.wrap_socket(raw, server_hostname=asked["name"])
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError) as error:
            return {"outcome": "closed", "body": f"{type(error).__name__}: {error}"}
        except OSError as error:
            return {"outcome": "silent", "body": f"in the handshake: {type(error).__name__}: {error}"}
        with channel:
            try:
                return {"outcome": "answered", "body": ask(channel, asked)}
            except (OSError, http.client.HTTPException) as error:
                return {"outcome": "silent", "body": f"TLS stood: {type(error).__name__}: {error}"}


def ask(channel: ssl.SSLSocket, asked: dict[str, Any]) -> str:
    """Speaks on a connection that stands."""
    head = f"GET {asked['path']} HTTP/1.1\r\nHost: {asked['name']}\r\nConnection: close\r\n\r\n"
    channel.sendall(head.encode())
    answer = http.client.HTTPResponse(channel)
    answer.begin()
    return answer.read(65536).decode("utf-8", "replace")


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    print(json.dumps([call(each, told["timeout_s"]) for each in told["calls"]]))
