"""What the callers' proxies count meanwhile."""

from __future__ import annotations

from typing import Any

from deploy.errors import Problem
from deploy.waiting import eventually
from experiments import pods, session
from experiments.watch.counters import CounterWatcher


def watch_counters(clients: dict[str, str], names: str, period_s: float) -> dict[str, Any]:
    """Begins to write down what the proxies of callers count; ends with the experiment.

    Args:
        clients: for each caller a label selector with its namespace, "istio-system/app=istio-ingressgateway".
        names: a regular expression for Envoy's names of statistics.
        period_s: seconds between two looks.
    """
    running = session.current()
    watchers = []
    for caller, selector in clients.items():
        namespace, labels = selector.split("/", 1)
        found = [pod for pod in pods.find(running.cluster, namespace, labels) if pod.running]
        if not found:
            raise Problem(f"no client runs that matches {selector}", fix=f"kubectl -n {namespace} get pods")
        for pod in found:
            client = f"{namespace}/{pod.name}"
            watchers.append(CounterWatcher(running.recorder, running.cluster, client, caller, names, period_s))
            running.add(watchers[-1])
    eventually(
        lambda: [watcher.client for watcher in watchers if watcher.polls == 0],
        lambda silent: not silent,
        within_s=20,
        what="every client's proxy to tell what it counts",
    )
    return {"proxies": [watcher.client for watcher in watchers]}
