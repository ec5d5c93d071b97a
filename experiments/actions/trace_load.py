"""More load on tracing than its least replicas are for: autoscalers must make more of them, and fewer afterwards."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from deploy.waiting import NotSo, eventually
from experiments import session
from experiments.actions.fault import ended, inject, prove
from experiments.traffic import Plan, Traffic

if TYPE_CHECKING:
    from experiments.session import Session

NAMESPACE, COLLECTOR, QUERY = "tracing", "jaeger-collector", "jaeger-query"
FAULT = "more traces and searches than the least replicas are for"
INTAKE = "http://jaeger-collector.tracing.svc.cluster.local:4318/v1/traces"
SEARCH = "/api/traces?service=trace-sender&limit=20"
LOOK_EVERY_S = 2.0  # autoscalers look every 15 s


def overload(
    zones: list[str], traces_hz: float, searches_hz: float, timeout_s: float, hold_s: float, settle_s: float
) -> dict[str, Any]:
    """Hands in and searches traces until collectors and query pods are more than the least, then waits for the least.

    It should be answered: a platform that is overrun shows nothing of its autoscalers. Both loads end by themselves
    after `hold_s`, whatever becomes of this process. Proven by the autoscalers, which say how much processor time they
    saw a pod use on the average.

    Args:
        zones: whose callers hand traces in; callers of the record: load-traces-<zone>, load-searches.
        traces_hz: traces a second from each, with a request of its own for each.
        searches_hz: searches a second, from outside the cluster.
        timeout_s: how long a request may take.
        hold_s: how long there is load at most.
        settle_s: how long the replicas may take to become the least again.
    """
    from loadtests.run import HostCaller

    running = session.current()
    scalers = {tier: _autoscaler(running, tier) for tier in (COLLECTOR, QUERY)}
    least = {tier: int(scaler.spec.min_replicas) for tier, scaler in scalers.items()}
    callers = {f"load-traces-{zone}": {"url": INTAKE, "zone": zone, "hands_in_traces": True} for zone in zones}
    plan = {"rate_hz": traces_hz, "timeout_s": timeout_s, "duration_s": hold_s, "callers": callers}
    senders = Traffic(running.cluster, running.recorder, Plan.model_validate(plan), running.ledger)
    searchers = HostCaller(
        running.cluster.url("jaeger") + SEARCH,
        searches_hz,
        hold_s,
        running.recorder.folder / "samples-load-searches.ndjson",
        caller="load-searches",
        timeout_s=timeout_s,
    )
    used = dict.fromkeys(scalers, Decimal(0))
    with ExitStack() as stack:
        stack.callback(senders.stop)
        stack.callback(searchers.stop)
        inject(running, FAULT, [], lambda: (senders.start(), searchers.start()), {"least": least})
        _more(running, used, least, hold_s)
        lo = time.monotonic()
    ended(running, FAULT, lo)
    with suppress(NotSo):  # the record shows how many there were
        eventually(
            partial(_ready, running),
            lambda ready: ready == least,
            within_s=settle_s,
            every_s=LOOK_EVERY_S,
            what=f"{least} replicas again",
        )
    wanted = {tier: _wanted(scaler) for tier, scaler in scalers.items()}
    return prove(
        running,
        FAULT,
        acted=all(used[tier] > wanted[tier] for tier in scalers),
        by="autoscaler",
        observed={tier: {"used_cores": float(used[tier]), "wanted_cores": float(wanted[tier])} for tier in scalers},
    )


def _more(running: Session, used: dict[str, Decimal], least: dict[str, int], within_s: float) -> None:
    """Waits until there are more of each, as long as the load lasts, and notes what the autoscalers saw most."""

    def look() -> dict[str, int]:
        for tier, most in used.items():
            used[tier] = max(most, _used(_autoscaler(running, tier)))
        return _ready(running)

    with suppress(NotSo):
        eventually(
            look,
            lambda ready: all(ready[tier] > count for tier, count in least.items()),
            within_s=within_s,
            every_s=LOOK_EVERY_S,
            what=f"more than {least} replicas",
        )


def _ready(running: Session) -> dict[str, int]:
    counts = running.ready[NAMESPACE].counts()
    return {tier: counts[tier].ready for tier in (COLLECTOR, QUERY)}


def _autoscaler(running: Session, tier: str) -> Any:
    from kubernetes.client import AutoscalingV2Api

    api = AutoscalingV2Api(running.cluster.api)
    return api.read_namespaced_horizontal_pod_autoscaler(tier, NAMESPACE, _request_timeout=20)


def _used(scaler: Any) -> Decimal:
    """Processors that a pod used on the average when the autoscaler last looked; 0 before it has."""
    return _cores(scaler.status.current_metrics or [], "current")


def _wanted(scaler: Any) -> Decimal:
    return _cores(scaler.spec.metrics, "target")


def _cores(metrics: list[Any], which: str) -> Decimal:
    from kubernetes.utils.quantity import parse_quantity

    values = [getattr(each.resource, which).average_value for each in metrics if each.resource.name == "cpu"]
    return sum((parse_quantity(value) for value in values if value), Decimal(0))
