"""Runs in a caller's pod: sends requests through its sidecar, each when the one before was answered.

argv[1] is JSON: {"host", "port", "path", "count", "errors", "timeout_s"}. It ends after `count` requests, or as soon as
`errors` (where that is not 0) were met. Prints JSON {"lo", "hi", "served", "errors"}: CLOCK_MONOTONIC seconds before
the first and after the last request; by pod, how many it served, and how many it answered with a server's error. What
no pod answered stands under "".
"""

import http.client
import json
import sys
import time
from collections import Counter
from typing import Any


def call(asked: dict[str, Any]) -> tuple[str, int]:
    """Makes one request; returns who answered, and with what (0: nobody)."""
    connection = http.client.HTTPConnection(asked["host"], asked["port"], timeout=asked["timeout_s"])
    try:
        connection.request("GET", asked["path"])
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return "", 0
    else:
        return answer.getheader("x-served-by", ""), answer.status
    finally:
        connection.close()


def ask(asked: dict[str, Any]) -> dict[str, Any]:
    """Makes all of them."""
    served, errors = Counter[str](), Counter[str]()
    lo = time.monotonic()
    while served.total() + errors.total() < asked["count"] and not 0 < asked["errors"] <= errors.total():
        pod, status = call(asked)
        (served if 0 < status < http.client.INTERNAL_SERVER_ERROR else errors)[pod] += 1
    return {"lo": lo, "hi": time.monotonic(), "served": served, "errors": errors}


if __name__ == "__main__":
    print(json.dumps(ask(json.loads(sys.argv[1]))))
