"""What the mesh adds: one server is called through both proxies and past them, from one pod at the same time."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from experiments import pods, session
from experiments.actions.fault import ended, inject, prove
from experiments.drivers import calls
from experiments.pods import CALLERS

if TYPE_CHECKING:
    from deploy.cluster import Cluster

FAULT = "calls through the mesh and past it"
COUNT, OK = "/count", 200


def measure(server: str, zone: str, ports: dict[str, int], calls_min: int, within_s: float) -> dict[str, Any]:
    """Waits until the callers are done; proves by the server's own count that the one kind came through proxies.

    Args:
        server: selector of its pod, in the callers' namespace.
        zone: of the caller.
        ports: `meshed`, behind the proxy, and `bare`, past it.
        calls_min: how many of each kind there must have been.
        within_s: for each look at the server's count.
    """
    running = session.current()
    begin = time.monotonic()
    before = _count(running.cluster, server, zone, ports["bare"])
    inject(running, FAULT, [], lambda: None, {"ports": ports})
    running.traffic.wait()
    end = time.monotonic()
    after = _count(running.cluster, server, zone, ports["bare"])
    after.subtract(before)
    kinds = ("asked", "certified")
    observed = {f"{name}_{kind}": after[f"{port} {kind}"] for name, port in ports.items() for kind in kinds}
    prove(
        running,
        FAULT,
        acted=observed["meshed_certified"] == observed["meshed_asked"] >= calls_min
        and observed["bare_asked"] >= calls_min
        and not observed["bare_certified"],
        by="server-counter",
        observed=observed,
    )
    ended(running, FAULT, end)
    return {"measured_s": end - begin, "within_s": within_s, **observed}


def _count(cluster: Cluster, server: str, zone: str, port: int) -> Counter[str]:
    pod, caller = (pods.one_running(cluster, CALLERS, each) for each in (server, f"app=caller-{zone}"))
    asked = [calls.Call(pod.ip, port, "GET", COUNT, f"{pod.ip}:{port}")]
    (answer,) = calls.make(cluster, (CALLERS, caller.name), "caller", asked)
    if answer.status != OK:
        raise Problem(f"{CALLERS}/{pod.name} does not tell its count", why=answer.body, fix="see its log")
    return Counter(json.loads(answer.body))
