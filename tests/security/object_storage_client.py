"""Asks the object storage for things, from a pod that may reach it, as whoever the caller says."""

from __future__ import annotations

import json
from dataclasses import dataclass

from deploy import certificates, credentials
from deploy.cluster import Cluster
from deploy.disaster_recovery.object_storage.component import address

PATIENCE_S = 30
# One signed request (AWS signature 4, the payload unsigned) with what every Python has; prints the answer's status.
REQUEST = """
import datetime, hashlib, hmac, json, ssl, urllib.error, urllib.request
wanted = json.loads(input())
stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
headers = {"host": wanted["host"], "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": stamp}
names = ";".join(headers)
lines = [wanted["method"], wanted["path"], "", *(f"{name}:{value}" for name, value in headers.items()), "", names]
digest = hashlib.sha256("\\n".join([*lines, "UNSIGNED-PAYLOAD"]).encode()).hexdigest()
scope = [stamp[:8], "us-east-1", "s3", "aws4_request"]
key = ("AWS4" + wanted["secret"]).encode()
for part in scope:
    key = hmac.digest(key, part.encode(), "sha256")
scope = "/".join(scope)
to_sign = "\\n".join(["AWS4-HMAC-SHA256", stamp, scope, digest])
signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
credential = f"Credential={wanted['name']}/{scope}"
headers["authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
body = b"written by a test" if wanted["method"] == "PUT" else None
url = wanted["scheme"] + "://" + wanted["host"] + wanted["path"]
trust = ssl.create_default_context(cadata=wanted["trust"])
try:
    request = urllib.request.Request(url, body, headers, method=wanted["method"])
    print(urllib.request.urlopen(request, timeout=10, context=trust).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


@dataclass(frozen=True)
class Client:
    """Speaks to one of the servers.

    Attributes:
        cluster: that they are in.
        service: "s3" or "s3-offsite".
    """

    cluster: Cluster
    service: str = "s3"

    def status(self, name: str, path: str, *, method: str = "GET", secret: str = "", scheme: str = "https") -> int:
        """Returns the HTTP status of one request.

        Args:
            name: the identity; it is its own access key.
            path: "/bucket" or "/bucket/object".
            method: of the request.
            secret: to sign with; "" for the identity's own.
            scheme: "https", the server's certificate verified, or "http".
        """
        wanted = {
            "name": name,
            "secret": secret or credentials.of(self.cluster)[f"s3-{name}"],
            "method": method,
            "path": path,
            "scheme": scheme,
            "host": f"{address(self.service)}:8333",
            "trust": certificates.authority(self.cluster),
        }
        program = ["python3", "-c", REQUEST]
        return int(
            self.cluster.exec(
                "data",
                "postgres-0",
                program,
                container="postgres",
                stdin=json.dumps(wanted) + "\n",
                timeout_s=PATIENCE_S,
            )
        )
