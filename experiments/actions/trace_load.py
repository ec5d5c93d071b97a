"""More load on tracing than its least replicas are for: autoscalers must make more of them, and fewer afterwards."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from deploy.waiting import NotSo, eventually
from experiments import session
from experiments.actions.fault import ended, inject, prove
from experiments.traffic import Plan, Traffic

if TYPE_CHECKING:
    from experiments.session import Session

NAMESPACE, COLLECTOR, QUERY = "tracing", "jaeger-collector", "jaeger-query"
INTAKE = "http://jaeger-collector.tracing.svc.cluster.local:4318/v1/traces"
SEARCH = "/api/traces?service=trace-sender&limit=20"
LOOK_EVERY_S = 2.0  # autoscalers look every 15 s


class Load(Protocol):
    """Whatever can be started and stopped."""

    def start(self) -> object:
        """Begins."""

    def stop(self) -> object:
        """Ends, and leaves its samples in the record."""


def overload(
    zones: list[str], traces_hz: float, searches_hz: float, timeout_s: float, each_s: float, settle_s: float
) -> dict[str, Any]:
    """Hands in traces until collectors are more than the least, then searches until query pods are; then waits.

    One after the other, so that each is answered: a store that is overrun shows nothing of autoscalers. Each load ends
    by itself after `each_s`, whatever becomes of this process.

    Args:
        zones: whose callers hand traces in; callers of the record: load-traces-<zone>, load-searches.
        traces_hz: traces a second from each, with a request of its own for each.
        searches_hz: searches a second, from outside the cluster.
        timeout_s: how long a request may take.
        each_s: how long each load lasts at most.
        settle_s: how long the replicas may take to become the least again.
    """
    from loadtests.run import HostCaller

    running = session.current()
    callers = {f"load-traces-{zone}": {"url": INTAKE, "zone": zone, "hands_in_traces": True} for zone in zones}
    plan = {"rate_hz": traces_hz, "timeout_s": timeout_s, "duration_s": each_s, "callers": callers}
    senders = Traffic(running.cluster, running.recorder, Plan.model_validate(plan), running.ledger)
    searchers = HostCaller(
        running.cluster.url("jaeger") + SEARCH,
        searches_hz,
        each_s,
        running.recorder.folder / "samples-load-searches.ndjson",
        caller="load-searches",
        timeout_s=timeout_s,
    )
    loads: dict[str, Load] = {COLLECTOR: senders, QUERY: searchers}
    proofs = {tier: _outgrow(running, tier, load, each_s) for tier, load in loads.items()}
    await_least(running, settle_s)  # that they did not is for the judge to say, who sees how many there were
    return proofs


def await_least(running: Session, within_s: float) -> bool:
    """Says whether collectors and query pods are as few as they may be, waiting up to `within_s` for it."""
    tiers = (COLLECTOR, QUERY)
    least = {tier: _least(running, tier) for tier in tiers}
    return running.becomes(
        lambda: {tier: _ready(running, tier) for tier in tiers},
        lambda ready: ready == least,
        within_s=within_s,
        every_s=LOOK_EVERY_S,
        what=f"{least} replicas",
    )


def _outgrow(running: Session, tier: str, load: Load, within_s: float) -> dict[str, Any]:
    """Keeps up a load until a tier has more than its least replicas.

    Proven by its autoscaler, which says how much processor time it saw a pod use on the average.
    """
    fault, least = f"more than the least of {tier} are for", _least(running, tier)
    used: list[Decimal] = []

    def look() -> int:
        used.append(_cores(_autoscaler(running, tier).status.current_metrics or [], "current"))
        return _ready(running, tier)

    with ExitStack() as stack:
        stack.callback(load.stop)
        inject(running, fault, [], load.start, {"tier": tier, "least": least})
        with suppress(NotSo):  # then it was loaded to the end
            wish = f"more than {least} replicas of {tier}"
            eventually(look, lambda ready: ready > least, within_s=within_s, every_s=LOOK_EVERY_S, what=wish)
        lo = time.monotonic()
    ended(running, fault, lo)
    most, wanted = max(used, default=Decimal(0)), _cores(_autoscaler(running, tier).spec.metrics, "target")
    observed = {"used_cores": float(most), "wanted_cores": float(wanted)}
    return prove(running, fault, acted=most > wanted, by="autoscaler", observed=observed)


def _ready(running: Session, tier: str) -> int:
    return running.ready[NAMESPACE].counts()[tier].ready


def _autoscaler(running: Session, tier: str) -> Any:
    from kubernetes.client import AutoscalingV2Api

    api = AutoscalingV2Api(running.cluster.api)
    return api.read_namespaced_horizontal_pod_autoscaler(tier, NAMESPACE, _request_timeout=20)


def _least(running: Session, tier: str) -> int:
    return int(_autoscaler(running, tier).spec.min_replicas)


def _cores(metrics: list[Any], which: str) -> Decimal:
    """Processors of a pod, on the average: "current" or "target"; 0 before the autoscaler has looked."""
    from kubernetes.utils.quantity import parse_quantity

    values = [getattr(each.resource, which).average_value for each in metrics if each.resource.name == "cpu"]
    return sum((parse_quantity(value) for value in values if value), Decimal(0))
