"""Runs in a pod of the mesh: calls pods by address, such as a fault switch, and tells what they answered.

argv[1] is JSON: {"calls": [{"ip", "port", "method", "path", "host", "body", "headers"}], "timeout_s"}; prints one JSON
list of {"status", "body"} in the same order. The request leaves through the sidecar, so it carries the pod's identity.
"""

import http.client
import json
import sys
from typing import Any


def call(asked: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """Makes one call; status 0 means that no answer came."""
    connection = http.client.HTTPConnection(asked["ip"], asked["port"], timeout=timeout_s)
    try:
        body = json.dumps(asked["body"]) if asked.get("body") is not None else None
        headers = {"Host": asked["host"], "Content-Type": "application/json"} | asked.get("headers", {})
        connection.request(asked["method"], asked["path"], body=body, headers=headers)
        answer = connection.getresponse()
        return {"status": answer.status, "body": answer.read(65536).decode("utf-8", "replace")}
    except (OSError, http.client.HTTPException) as error:
        return {"status": 0, "body": f"{type(error).__name__}: {error}"}
    finally:
        connection.close()


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    print(json.dumps([call(each, asked["timeout_s"]) for each in asked["calls"]]))
