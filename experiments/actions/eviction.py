"""Evictions: as many as the budget allows, and the one it must refuse.

The API server takes each granted eviction off the budget's `disruptionsAllowed` itself before it answers, so evictions
in quick succession exhaust the budget exactly; replacements need seconds to become ready and give it back. What could
blur the boundary is in the record: how long the series took, and, from the watch, whether a replacement became ready.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from typing import Any

from deploy.errors import Problem
from deploy.waiting import eventually
from experiments import pods, session
from experiments.actions.fault import ended, inject, prove
from experiments.pods import Pod

_begun: list[str] = []  # faults whose window is still open, in this process' one experiment
GRANTED, TOO_MANY = 201, 429
STALE = "still being processed"  # the API server's word for a budget that the controller has not caught up with
STALE_TRIES = 20


def evict_until_refused(namespace: str, app: str, keep_percent: int, settle_s: float) -> dict[str, Any]:
    """Evicts ready pods of a tier one after the other until one is refused, or one more than allowed was granted.

    Args:
        namespace: of the tier.
        app: the tier.
        keep_percent: share of the tier that must stay, in percent, rounded up to whole pods.
        settle_s: how long the budget may take to be up to date before the first one.
    """
    running = session.current()
    before = _await_budget(namespace, app, settle_s)
    desired = running.ready[namespace].desired[app]
    attempts = desired - math.ceil(desired * keep_percent / 100) + 1
    ready = [pod for pod in pods.find(running.cluster, namespace, f"app={app}") if pod.ready]
    if len(ready) < attempts:
        raise Problem(f"{namespace}/{app} has {len(ready)} ready pods, {attempts} are to be evicted", fix="is it up?")
    fault = f"evictions of {namespace}/{app}"
    statuses: list[int] = []
    inject(
        running,
        fault,
        [],
        lambda: statuses.extend(_series(ready[:attempts], app)),
        {"namespace": namespace, "app": app, "budget": before},
    )
    _begun.append(fault)
    granted = {pod.uid: pod.name for pod, status in zip(ready, statuses, strict=False) if status == GRANTED}
    staying = {pod.uid for pod in pods.find(running.cluster, namespace, f"app={app}") if not pod.leaving}
    observed = {"statuses": statuses, "evicted": sorted(granted.values()), "staying": len(staying & granted.keys())}
    return prove(running, fault, acted=bool(granted) and not staying & granted.keys(), by="api", observed=observed)


def _series(chosen: list[Pod], app: str) -> Iterator[int]:
    """Evicts pods until one is refused; records and yields each answer."""
    begin = time.monotonic()
    for pod in chosen:
        asked = time.monotonic()
        status, message = _evict(pod)
        session.current().recorder.event(
            "eviction",
            t=asked,  # the watch may see the pod go before the answer is here
            tier=app,
            namespace=pod.namespace,
            pod=pod.name,
            status=status,
            message=message,
            since_first_s=time.monotonic() - begin,
        )
        yield status
        if status != GRANTED:
            return


def await_recovery(within_s: float) -> dict[str, int]:
    """Waits until every watched tier is whole again, and closes the evictions' windows."""
    running = session.current()
    lo = time.monotonic()
    eventually(
        lambda: {tier: count.ready for watcher in running.ready.values() for tier, count in watcher.counts().items()},
        lambda _: all(watcher.full() for watcher in running.ready.values()),
        within_s=within_s,
        what="every tier to be whole again",
    )
    running.still_watched()
    while _begun:
        ended(running, _begun.pop(), lo)
    return {tier: count.ready for watcher in running.ready.values() for tier, count in watcher.counts().items()}


def _evict(pod: Pod) -> tuple[int, str]:
    from kubernetes.client import ApiException, V1Eviction, V1ObjectMeta

    core = session.current().cluster.core
    meta = V1ObjectMeta(name=pod.name, namespace=pod.namespace)
    for _ in range(STALE_TRIES):
        try:
            core.create_namespaced_pod_eviction(pod.name, pod.namespace, V1Eviction(metadata=meta), _request_timeout=10)
        except ApiException as error:
            message = _message(error.body)
            if error.status == TOO_MANY and STALE in message:
                continue
            return int(error.status), message
        else:
            return GRANTED, "granted"
    return 503, f"the budget was {STALE} {STALE_TRIES} times"


def _message(body: str | bytes | None) -> str:
    try:
        status = json.loads(body or "{}")
    except ValueError:
        return str(body)[:300]
    causes = (status.get("details") or {}).get("causes") or []
    return " ".join([str(status.get("message", "")), *(str(cause.get("message", "")) for cause in causes)]).strip()[
        :500
    ]


def _budget(namespace: str, app: str) -> dict[str, int | bool] | None:
    """Returns the state of the tier's budget, None when it has none."""
    from kubernetes.client import PolicyV1Api

    api: Any = PolicyV1Api(session.current().cluster.api)
    for budget in api.list_namespaced_pod_disruption_budget(namespace, _request_timeout=10).items:
        if (budget.spec.selector.match_labels or {}).get("app") == app:
            status = budget.status
            return {
                "allowed": int(status.disruptions_allowed or 0),
                "healthy": int(status.current_healthy or 0),
                "desired": int(status.desired_healthy or 0),
                "observed": status.observed_generation == budget.metadata.generation,
            }
    return None


def _await_budget(namespace: str, app: str, within_s: float) -> dict[str, int | bool] | None:
    """Waits until the controller has seen the budget as it is now, and every pod counts as healthy."""
    watcher = session.current().ready[namespace]

    def settled(state: dict[str, int | bool] | None) -> bool:
        counted = state is None or (bool(state["observed"]) and state["healthy"] >= watcher.desired[app])
        return watcher.full() and counted

    return eventually(
        lambda: _budget(namespace, app),
        settled,
        within_s=within_s,
        what=f"the disruption budget of {namespace}/{app} to be up to date",
    )
