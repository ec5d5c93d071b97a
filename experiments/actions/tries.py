"""Which tries of a call reached a tier, and when: from the access logs of the replicas' own proxies.

A proxy that calls may try a call again on another replica; only the replicas see each try for itself. All of them have
the call's `x-request-id`.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from experiments import pods, session
from experiments.drivers import access_log
from experiments.drivers.access_log import Line
from experiments.readings import settled

if TYPE_CHECKING:
    from deploy.cluster import Cluster

ERROR = 500


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
    found, why = settled(
        lambda: _calls(running.cluster, namespace, app, time.time() - began_s),
        quiet_s,
        within_s,
        "two equal readings (tries) of the access logs",
    )
    for call, tries in found.items():
        running.recorder.event("tries", call=call, tries=[asdict(each) for each in tries])
    told = {"calls": len(found), "complete": not why, "why": why}
    running.recorder.event("tries.read", **told)
    return told | {"tries": sum(map(len, found.values()))}


def _calls(cluster: Cluster, namespace: str, app: str, since_s: float) -> dict[str, list[Try]]:
    running = [pod for pod in pods.find(cluster, namespace, f"app={app}") if pod.running]
    lines = [line for pod in running for line in access_log.read(cluster, pod, since_s)]
    return failed(lines, time.time() - time.monotonic())


def failed(lines: Iterable[Line], ahead_s: float) -> dict[str, list[Try]]:
    """Returns, by call, its tries in order, for the callers' calls of which one met an error.

    Args:
        lines: of every replica's access log.
        ahead_s: what the wall clock is ahead of the monotonic one.
    """
    calls: defaultdict[str, list[Try]] = defaultdict(list)
    for line in lines:
        if line.agent == access_log.CALLER:
            begin = line.at - ahead_s
            calls[line.call].append(Try(line.host, round(begin, 3), round(begin + line.took_s, 3), line.status))
    return {
        call: sorted(tries, key=lambda each: each.begin)
        for call, tries in calls.items()
        if any(each.status >= ERROR for each in tries)
    }
