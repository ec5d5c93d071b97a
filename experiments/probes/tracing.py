"""Whether the tracing store can be asked at all, and whether tracing is at rest."""

from __future__ import annotations

from experiments import session
from experiments.actions import trace_load
from experiments.jaeger import Jaeger


def store_answers(within_s: float) -> bool:
    """Says whether the store names the services it knows, at least one, waiting up to `within_s` for it."""
    running = session.current()
    named = Jaeger(running.cluster.url("jaeger")).services
    return running.becomes(named, bool, within_s=within_s, every_s=1, what="the tracing store to know a service")


def at_rest(within_s: float) -> bool:
    """Says whether collectors and query pods are as few as their autoscalers allow, waiting up to `within_s` for it."""
    return trace_load.await_least(session.current(), within_s)
