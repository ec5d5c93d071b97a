"""The connection pool of a client's proxy: how many connections may a burst open?"""

from __future__ import annotations

import math

from experiments.attainability import mesh
from experiments.attainability.model import Attainability, Question, named
from experiments.attainability.registry import bounds
from experiments.traffic import Call


@bounds("most_connections")
def connections(question: Question) -> Attainability:
    """As many as there are calls, or as the host's DestinationRule lets each proxy have."""
    burst = question.arguments("burst")
    calls = round(burst["rate_hz"] * burst["duration_s"])
    call = Call(url=f"http://{burst['url']}", zone=burst["zone"])
    route = mesh.route_of(question.settings, call)
    host = route.host if route else mesh.call_host(call.url)
    rule = mesh.rule_of(question.settings, host)
    most = ((mesh.policy(rule).get("connectionPool") or {}).get("tcp") or {}).get("maxConnections") or math.inf
    where = named(rule) if rule else f"no DestinationRule is for {host}"
    return question.answer(
        min(calls, most),
        f"{where}: maxConnections {most:g}; a burst of {calls} calls",
        f"connectionPool.tcp.maxConnections: {question.target.limit:g}",
    )
