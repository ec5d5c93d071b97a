"""A burst of calls from one zone's pod, all of them under way at the same time."""

from __future__ import annotations

from typing import Any

from experiments import guard, session


def burst(zone: str, url: str, rate_hz: float, duration_s: float, timeout_s: float) -> dict[str, Any]:
    """Sends a burst through the sidecar of a zone's caller and waits for its end; its caller is called "burst".

    If this process dies, the calls end by themselves.

    Args:
        zone: whose pod calls.
        url: of a service, as in `traffic.callers`, without its "http://": an argument is no URL.
        rate_hz: calls a second; together they should be under way before the first is answered.
        duration_s: for so long.
        timeout_s: how long each may take.
    """
    from loadtests.run import PodCaller

    running = session.current()
    guard.permit(running.cluster)
    load: dict[str, Any] = {"rate_hz": rate_hz, "duration_s": duration_s, "timeout_s": timeout_s}
    run = running.traffic.run
    caller = PodCaller(cluster=running.cluster, zone=zone, url=f"http://{url}", caller="burst", run=run, **load)
    caller.start()
    caller.wait()
    file = caller.fetch(running.recorder.folder / "samples-burst.ndjson")
    return {"file": file.name, "calls": round(rate_hz * duration_s)}
