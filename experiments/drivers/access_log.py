"""The access log of a proxy: a line for each request that it got."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from experiments.pods import PROXY, Pod

if TYPE_CHECKING:
    from deploy.cluster import Cluster

CALLER = "resilience-caller"  # as loadtests/open_loop.py calls itself
# Istio's text: time, request, status, flags, details …, bytes, bytes, milliseconds …, agent, request id.
LINE = re.compile(
    r'\[(?P<at>[^\]]+)\] "\S+ (?P<path>\S+) [^"]*" (?P<status>\d+) .*? "[^"]*" \d+ \d+ (?P<ms>\d+) \S+ "[^"]*" '
    r'"(?P<agent>[^"]*)" "(?P<call>[^"]*)" '
)


@dataclass(frozen=True, slots=True)
class Line:
    """One request.

    Attributes:
        host: the proxy's pod.
        at: when it began, seconds of the wall clock.
        call: its x-request-id.
    """

    host: str
    at: float
    took_s: float
    path: str
    status: int
    agent: str
    call: str


def text(cluster: Cluster, pod: Pod, since_s: float) -> str:
    """Returns what a proxy logged in the last seconds; it holds a line back for a second or so."""
    core: Any = cluster.core
    return str(
        core.read_namespaced_pod_log(
            pod.name, pod.namespace, container=PROXY, since_seconds=int(since_s) + 1, _request_timeout=20
        )
    )


def read(cluster: Cluster, pod: Pod, since_s: float) -> list[Line]:
    """Returns the requests that it logged in the last seconds."""
    return parse(pod.name, text(cluster, pod, since_s))


def parse(host: str, log: str) -> list[Line]:
    """Reads a log; what is no line of the access log is left out."""
    found = (LINE.match(line) for line in log.splitlines())
    return [
        Line(
            host,
            datetime.fromisoformat(each["at"]).timestamp(),
            int(each["ms"]) / 1000,
            each["path"],
            int(each["status"]),
            each["agent"],
            each["call"],
        )
        for each in found
        if each
    ]
