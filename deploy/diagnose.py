"""Why something is not ready: what kubectl describe and logs would show, in a dozen lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from deploy.cluster import Cluster
from deploy.manifests import Manifest
from deploy.rollout import KINDS
from deploy.shell import tail

if TYPE_CHECKING:
    from kubernetes.client import V1Pod

PODS_SHOWN, EVENTS_SHOWN, LOG_LINES = 3, 4, 8


def explain(cluster: Cluster, objects: list[Manifest]) -> str:
    """Returns states, events and last log lines of the pods of `objects` that are not ready."""
    lines: list[str] = []
    for item in objects:
        if item["kind"] not in KINDS:
            continue
        try:
            lines += _workload(cluster, item)
        except Exception as error:  # noqa: BLE001 - what is being explained must not be hidden by this
            lines += [f"{item['kind']}/{item['metadata']['name']}: could not be asked: {type(error).__name__}: {error}"]
    return "\n".join(lines)


def _workload(cluster: Cluster, item: Manifest) -> Iterator[str]:
    namespace, name = item["metadata"]["namespace"], item["metadata"]["name"]
    labels = item["spec"]["selector"]["matchLabels"]
    pods = cluster.pods(namespace, ",".join(f"{label}={value}" for label, value in labels.items()))
    if not pods:
        yield f"{item['kind']}/{name}: no pod was made"
        yield from _events(cluster, namespace, name)
    for pod in [pod for pod in pods if not is_ready(pod)][:PODS_SHOWN]:
        yield f"pod {namespace}/{pod.metadata.name}: {state(pod)}"
        yield from _events(cluster, namespace, pod.metadata.name)
        yield from _logs(cluster, pod)


def is_ready(pod: V1Pod) -> bool:
    """Says whether a pod's Ready condition is true and it is not being deleted."""
    conditions = pod.status.conditions or []
    return pod.metadata.deletion_timestamp is None and any(
        item.type == "Ready" and item.status == "True" for item in conditions
    )


def state(pod: V1Pod) -> str:
    """Returns phase and, per container that does not run, the reason."""
    reasons = [f"{status.name} {reason}" for status, reason in _reasons(pod)]
    unscheduled = [c.message for c in pod.status.conditions or [] if c.type == "PodScheduled" and c.status != "True"]
    return ", ".join([pod.status.phase, *reasons, *filter(None, unscheduled)])


def _reasons(pod: V1Pod) -> Iterator[tuple[Any, str]]:
    for status in [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]:
        waiting, ended = status.state.waiting, status.state.terminated
        if waiting and waiting.reason:
            yield status, f"{waiting.reason} {waiting.message or ''}".strip()
        elif ended and ended.exit_code:
            yield status, f"ended with exit code {ended.exit_code}"
        elif not status.ready and not ended:
            yield status, "runs but is not ready"


def _events(cluster: Cluster, namespace: str, name: str) -> list[str]:
    found = cluster.core.list_namespaced_event(
        namespace, field_selector=f"involvedObject.name={name}", _request_timeout=20
    ).items
    warnings = [event for event in found if event.type != "Normal"] or found
    return [f"  event {event.reason}: {event.message}" for event in warnings[-EVENTS_SHOWN:]]


def _logs(cluster: Cluster, pod: V1Pod) -> list[str]:
    from kubernetes.client import ApiException

    lines: list[str] = []
    for status, _ in _reasons(pod):
        for previous in (False, True):
            try:
                text = cluster.core.read_namespaced_pod_log(
                    pod.metadata.name,
                    pod.metadata.namespace,
                    container=status.name,
                    previous=previous,
                    tail_lines=LOG_LINES,
                )
            except ApiException:
                continue  # never started, or no earlier run: there is nothing to show
            if text.strip():
                lines += [f"  log {status.name}{' (before its restart)' if previous else ''}:"]
                lines += [f"    {line}" for line in tail(text, LOG_LINES).splitlines()]
    return lines
