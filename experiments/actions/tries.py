"""Which tries of a call reached a tier, and when: from the access logs of the replicas' own proxies.

A proxy that calls may try a call again on another replica; only the replicas see each try for itself. All of them have
the call's `x-request-id`.
"""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from deploy.waiting import NotSo, eventually
from experiments import pods, session
from experiments.pods import PROXY

if TYPE_CHECKING:
    from deploy.cluster import Cluster

AGENT = "resilience-caller"  # as loadtests/open_loop.py calls itself
ERROR = 500
# Istio's access log as text: time, request, status, flags, details …, bytes, bytes, milliseconds …, agent, request id.
LINE = re.compile(
    r'^\[(?P<at>[^\]]+)\] "[^"]*" (?P<status>\d+) .*? "[^"]*" \d+ \d+ (?P<ms>\d+) \S+ "[^"]*" '
    r'"(?P<agent>[^"]*)" "(?P<call>[^"]*)" '
)


@dataclass(frozen=True, slots=True)
class Try:
    """One line of an access log; times are seconds of this machine's monotonic clock."""

    host: str
    begin: float
    end: float
    status: int


def read(namespace: str, app: str, quiet_s: float, within_s: float) -> dict[str, Any]:
    """Records every try of each of the callers' calls that a replica of a tier answered with an error in this case.

    Args:
        namespace: of the tier.
        app: the tier.
        quiet_s: seconds between two readings that must be equal; longer than a proxy holds its log back.
        within_s: seconds to wait for that.
    """
    running = session.current()
    began_s = json.loads((running.recorder.folder / "case.json").read_text())["started"]["wall"]
    found: dict[str, list[Try]] = {}
    sizes: list[int] = []

    def again() -> list[int]:
        nonlocal found
        found = _calls(running.cluster, namespace, app, time.time() - began_s)
        sizes.append(sum(map(len, found.values())))
        return sizes[-2:]

    why = ""
    try:
        eventually(
            again,
            lambda two: len(two) == 2 and two[0] == two[1],
            within_s=within_s,
            every_s=quiet_s,
            what="two equal readings (tries) of the access logs",
        )
    except NotSo as missed:
        why = str(missed)
    for call, tries in found.items():
        running.recorder.event("tries", call=call, tries=[asdict(each) for each in tries])
    told = {"calls": len(found), "complete": not why, "why": why}
    running.recorder.event("tries.read", **told)
    return told | {"tries": sum(map(len, found.values()))}


def _calls(cluster: Cluster, namespace: str, app: str, since_s: float) -> dict[str, list[Try]]:
    core: Any = cluster.core
    logs = {
        pod.name: core.read_namespaced_pod_log(
            pod.name, namespace, container=PROXY, since_seconds=int(since_s) + 1, _request_timeout=20
        )
        for pod in pods.find(cluster, namespace, f"app={app}")
        if pod.running
    }
    return failed({host: str(text).splitlines() for host, text in logs.items()}, time.time() - time.monotonic())


def failed(logs: Mapping[str, Iterable[str]], ahead_s: float) -> dict[str, list[Try]]:
    """Reads access logs, by host: call -> its tries in order, for the callers' calls of which one met an error.

    Args:
        logs: lines by host.
        ahead_s: what the wall clock is ahead of the monotonic one.
    """
    calls: defaultdict[str, list[Try]] = defaultdict(list)
    for host, lines in logs.items():
        for line in lines:
            if (found := LINE.match(line)) and found["agent"] == AGENT:
                begin = datetime.fromisoformat(found["at"]).timestamp() - ahead_s
                end = begin + int(found["ms"]) / 1000
                calls[found["call"]].append(Try(host, round(begin, 3), round(end, 3), int(found["status"])))
    return {
        call: sorted(tries, key=lambda each: each.begin)
        for call, tries in calls.items()
        if any(each.status >= ERROR for each in tries)
    }
