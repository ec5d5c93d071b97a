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


def evict_until_refused(namespace: str, apps: list[str], keep_percent: int, settle_s: float) -> dict[str, Any]:
    """Evicts ready pods of each tier one after the other until one is refused, or one more than allowed was granted.

    Tier after tier without a pause, as a drain does it: no budget but a tier's own guards its pods.

    Args:
        namespace: of the tiers.
        apps: the tiers.
        keep_percent: share of each tier that must stay, in percent, rounded up to whole pods.
        settle_s: how long the budgets may take to be up to date before the first eviction.
    """
    running = session.current()
    before = _await_budgets(namespace, apps, settle_s)
    chosen = {app: _chosen(namespace, app, keep_percent) for app in apps}
    answers: list[tuple[Pod, int]] = []
    fault = f"evictions of {namespace}/{', '.join(apps)}"
    inject(
        running,
        fault,
        [],
        lambda: answers.extend(each for app, ready in chosen.items() for each in _series(ready, app)),
        {"namespace": namespace, "apps": apps, "budgets": before},
    )
    _begun.append(fault)
    granted = {pod.uid: pod.name for pod, status in answers if status == GRANTED}
    left = {pod.uid for app in apps for pod in pods.find(running.cluster, namespace, f"app={app}") if not pod.leaving}
    statuses = {app: [status for pod, status in answers if pod in ready] for app, ready in chosen.items()}
    observed = {"statuses": statuses, "evicted": sorted(granted.values()), "staying": len(left & granted.keys())}
    return prove(running, fault, acted=bool(granted) and not left & granted.keys(), by="api", observed=observed)


def _chosen(namespace: str, app: str, keep_percent: int) -> list[Pod]:
    """The pods to evict: one more than may go."""
    running = session.current()
    desired = running.ready[namespace].desired[app]
    attempts = desired - math.ceil(desired * keep_percent / 100) + 1
    ready = [pod for pod in pods.find(running.cluster, namespace, f"app={app}") if pod.ready]
    if len(ready) < attempts:
        raise Problem(f"{namespace}/{app} has {len(ready)} ready pods, {attempts} are to be evicted", fix="is it up?")
    return ready[:attempts]


def _series(chosen: list[Pod], app: str) -> Iterator[tuple[Pod, int]]:
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
        yield pod, status
        if status != GRANTED:
            return


def await_recovery(within_s: float) -> dict[str, int]:
    """Waits until every watched tier is whole again, and closes the evictions' windows."""
    running = session.current()
    lo = time.monotonic()
    eventually(running.counts, lambda _: running.whole(), within_s=within_s, what="every tier to be whole again")
    running.still_watched()
    while _begun:
        ended(running, _begun.pop(), lo)
    return {tier: count.ready for tier, count in running.counts().items()}


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


def _budgets(namespace: str, apps: list[str]) -> dict[str, dict[str, int | bool]]:
    """Returns the state of each tier's budget; a tier without one is not in it."""
    from kubernetes.client import PolicyV1Api

    api: Any = PolicyV1Api(session.current().cluster.api)
    found: dict[str, dict[str, int | bool]] = {}
    for budget in api.list_namespaced_pod_disruption_budget(namespace, _request_timeout=10).items:
        if (app := (budget.spec.selector.match_labels or {}).get("app")) in apps:
            status = budget.status
            found[app] = {
                "allowed": int(status.disruptions_allowed or 0),
                "healthy": int(status.current_healthy or 0),
                "desired": int(status.desired_healthy or 0),
                "observed": status.observed_generation == budget.metadata.generation,
            }
    return found


def _await_budgets(namespace: str, apps: list[str], within_s: float) -> dict[str, dict[str, int | bool]]:
    """Waits until the controller has seen each budget as it is now, and every pod counts as healthy."""
    watcher = session.current().ready[namespace]

    def settled(found: dict[str, dict[str, int | bool]]) -> bool:
        counted = all(state["observed"] and state["healthy"] >= watcher.desired[app] for app, state in found.items())
        return watcher.full() and counted

    return eventually(
        lambda: _budgets(namespace, apps),
        settled,
        within_s=within_s,
        what=f"the disruption budgets of {namespace}/{', '.join(apps)} to be up to date",
    )
