"""More requests than one gateway pod lets through, from outside the mesh, between two times of fewer."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from deploy.waiting import NotSo, eventually
from experiments import pods, session
from experiments.actions.fault import ended, inject, prove
from experiments.drivers import access_log
from experiments.pods import CALLERS, Pod

if TYPE_CHECKING:
    from experiments.session import Session

GATEWAY, PORT = ("istio-system", "app=istio-ingressgateway"), 8080
FAULT = "flood of one gateway pod"
REFUSED = 429
LOGGED_S = 20.0  # patience; a proxy holds its log back for a second
SEEN_MIN = 0.95  # of what was sent; some may be lost on the way


def flood(path: str, below_hz: float, flood_hz: float, each_s: float, timeout_s: float) -> dict[str, Any]:
    """Calls one gateway pod three times: below its limit, beyond it, and below it again at once.

    The limit is each pod's own, so all calls go to one. They are callers of the record: below, flood, after.

    Args:
        path: what is called; the gateway should answer it by itself, so that the shop has no part in it.
        below_hz: requests a second before and after the flood.
        flood_hz: requests a second meanwhile.
        each_s: how long each of the three lasts.
        timeout_s: how long a request may take.
    """
    running = session.current()
    gateway = pods.one_running(running.cluster, *GATEWAY)
    load: Any = {"path": path, "each_s": each_s, "timeout_s": timeout_s}
    sent = {"below": _call(running, gateway, "below", below_hz, **load)}
    began = time.time()
    inject(
        running,
        FAULT,
        [],
        lambda: sent.update(flood=_call(running, gateway, "flood", flood_hz, **load)),
        {"pod": f"{gateway.namespace}/{gateway.name}", "rate_hz": flood_hz},
    )
    ended(running, FAULT, time.monotonic())
    sent["after"] = _call(running, gateway, "after", below_hz, **load)
    return {"sent": sent, "proof": _prove(running, gateway, path, began, sum(sent.values()) - sent["below"])}


def _call(
    running: Session, gateway: Pod, name: str, rate_hz: float, *, path: str, each_s: float, timeout_s: float
) -> int:
    """Sends open-loop from the pod outside the mesh and writes the samples down; returns how many there are."""
    from loadtests.run import POD_PROGRAM

    outsider = pods.one_running(running.cluster, CALLERS, "app=outsider")
    file = f"/tmp/samples-{running.traffic.run}-{name}.ndjson"  # noqa: S108 - the pod's own volume
    load: dict[str, Any] = {
        "url": f"http://{gateway.ip}:{PORT}{path}",
        "rate": rate_hz,
        "duration": each_s,
        "timeout": timeout_s,
    }
    load |= {"caller": name, "run": running.traffic.run, "out": file}
    words = [word for key, value in load.items() for word in (f"--{key}", str(value))]
    at: Any = {"container": "caller", "timeout_s": each_s + timeout_s + 30}
    running.cluster.exec(CALLERS, outsider.name, [*POD_PROGRAM, *words], **at)
    samples = running.cluster.exec(CALLERS, outsider.name, ["sh", "-c", 'cat "$0"; rm "$0"', file], **at)
    running.recorder.write(f"samples-{name}.ndjson", samples)
    return samples.count('"due"')


def _prove(running: Session, gateway: Pod, path: str, began: float, sent: int) -> dict[str, Any]:
    """Asks the gateway's own access log what it got and how it answered."""

    def logged() -> Counter[int]:
        lines = access_log.read(running.cluster, gateway, time.time() - began)
        ours = (line for line in lines if line.path == path and line.agent == access_log.CALLER and line.at >= began)
        return Counter(line.status for line in ours)

    try:
        statuses = eventually(
            logged,
            lambda counts: counts.total() >= SEEN_MIN * sent,
            within_s=LOGGED_S,
            every_s=1,
            what=f"{sent} requests in the gateway's access log",
        )
    except NotSo as missed:
        statuses = missed.last if isinstance(missed.last, Counter) else Counter[int]()
    return prove(
        running,
        FAULT,
        acted=statuses.total() >= SEEN_MIN * sent,
        by="server-log",
        observed={"got": statuses.total(), "refused": statuses[REFUSED], "sent": sent},
    )
