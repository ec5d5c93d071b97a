"""Whether workloads have rolled out: pure rules over their status, and a watch that waits for them."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from deploy.cluster import Cluster
from deploy.manifests import Manifest
from deploy.waiting import pause

# Kubernetes goes on trying for ever, but these do not mend themselves: no need to wait until patience is over.
HOPELESS = {"ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName"}
RELIST_S = 5
FIRST_LIST_S = 1  # the first list comes one by one; half of it says nothing
KINDS = {"Deployment": "deployment", "StatefulSet": "stateful_set", "DaemonSet": "daemon_set"}


# Set when the user interrupts: nobody waits for a rollout any longer.
interrupted = threading.Event()


class NotReady(Exception):  # noqa: N818 - says what it is
    """Some workloads did not roll out in time; the text names each with its counts."""


def progress_of(kind: str, workload: Any) -> tuple[int, int]:
    """Returns (pods that are ready and up to date, pods wanted) of a workload; (0, n) while its change is not yet seen.

    Args:
        kind: one of KINDS.
        workload: the object, as the typed Kubernetes client gives it.
    """
    spec, status = workload.spec, workload.status
    wanted = (status.desired_number_scheduled if kind == "DaemonSet" else spec.replicas) or 0
    if (status.observed_generation or 0) < workload.metadata.generation:
        return 0, max(wanted, 1)
    if kind == "DaemonSet":
        # No node counted yet is "not seen yet": a DaemonSet that fits no node at all would be a broken manifest.
        return min(status.number_ready or 0, status.updated_number_scheduled or 0), max(wanted, 1)
    ready = status.ready_replicas or 0
    updated = status.updated_replicas or 0
    if kind == "StatefulSet" and status.update_revision == status.current_revision:
        updated = status.replicas or 0
    surplus = (status.replicas or 0) > wanted  # pods of the old version that still run
    return (min(ready, updated, wanted - 1) if surplus and wanted else min(ready, updated)), wanted


def wait(cluster: Cluster, objects: list[Manifest], *, within_s: float, say: Callable[[str], None]) -> None:
    """Waits by watches until every workload among `objects` has rolled out.

    Args:
        cluster: where they are.
        objects: manifests; only Deployments, StatefulSets and DaemonSets count.
        within_s: patience in seconds.
        say: is told the counts whenever they change.

    Raises:
        NotReady: patience is over.
    """
    groups: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in objects:
        if item["kind"] in KINDS:
            groups[item["kind"], item["metadata"]["namespace"]].add(item["metadata"]["name"])
    found: dict[str, tuple[int, int]] = {
        f"{kind}/{where}/{name}": (0, 1) for (kind, where), names in groups.items() for name in names
    }

    def seen(name: str, count: tuple[int, int]) -> None:
        found[name] = count
        waits = any(ready < wanted for ready, wanted in found.values())
        if waits and time.monotonic() - begin > FIRST_LIST_S:
            say(summary(found))

    begin = time.monotonic()
    deadline = begin + within_s
    with ThreadPoolExecutor(max(1, len(groups))) as pool:
        done = [
            pool.submit(_watch, cluster, kind, where, names, deadline, seen) for (kind, where), names in groups.items()
        ]
        for future in done:
            future.result()
    waiting = {name: count for name, count in found.items() if count[0] < count[1]}
    if waiting:
        raise NotReady(f"not ready after {time.monotonic() - begin:.0f} s: {summary(waiting)}")


@dataclass(frozen=True, slots=True)
class Workload:
    """What stands of one workload.

    Attributes:
        kind, namespace, name: which.
        ready: pods that are ready and up to date.
        wanted: pods it should have.
        images: references that its containers run, sidecars that are injected excepted.
    """

    kind: str
    namespace: str
    name: str
    ready: int
    wanted: int
    images: tuple[str, ...]


def workloads(cluster: Cluster, objects: Iterable[str]) -> Iterator[Workload]:
    """Gives each workload among `objects` (keys, see manifests.key) as it stands; one that is gone has 0 of 1 pods."""
    from kubernetes.client import ApiException

    for item in objects:
        kind, namespace, name = item.split("/")
        kind = kind.partition(".")[0]
        if kind in KINDS:
            try:
                workload = getattr(cluster.apps, f"read_namespaced_{KINDS[kind]}")(name, namespace)
                images = tuple(dict.fromkeys(part.image for part in workload.spec.template.spec.containers))
                yield Workload(kind, namespace, name, *progress_of(kind, workload), images)
            except ApiException as error:
                if error.status != 404:
                    raise
                yield Workload(kind, namespace, name, 0, 1, ())


def summary(counts: dict[str, tuple[int, int]]) -> str:
    """Says which workloads are not ready yet, "ready" when all are."""
    missing = [
        f"{name.rpartition('/')[2]} {ready}/{wanted}"
        for name, (ready, wanted) in sorted(counts.items())
        if ready < wanted
    ]
    return "waiting for " + ", ".join(missing) if missing else "ready"


def hopeless(pods: list[Any], workloads: set[str]) -> bool:
    """Says whether a container of one of the workloads waits for something that will not come by itself.

    Args:
        pods: of the workloads' namespace.
        workloads: names; their pods are called after them.
    """
    for pod in pods:
        if not any(pod.metadata.name.startswith(f"{name}-") for name in workloads):
            continue
        for status in [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]:
            if status.state.waiting and status.state.waiting.reason in HOPELESS:
                return True
    return False


def _watch(
    cluster: Cluster,
    kind: str,
    namespace: str,
    names: set[str],
    deadline: float,
    seen: Callable[[str, tuple[int, int]], None],
) -> None:
    from kubernetes import watch
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    read = getattr(cluster.apps, f"list_namespaced_{KINDS[kind]}")
    missing = set(names)
    while missing and (left_s := deadline - time.monotonic()) > 0 and not interrupted.is_set():
        watcher = watch.Watch()
        try:
            at_most_s = max(1, min(RELIST_S, int(left_s)))
            for event in watcher.stream(read, namespace, timeout_seconds=at_most_s, _request_timeout=30):
                workload = event["object"]
                name = workload.metadata.name
                if name not in names:
                    continue
                ready, wanted = progress_of(kind, workload)
                seen(f"{kind}/{namespace}/{name}", (ready, wanted))
                (missing.discard if ready >= wanted else missing.add)(name)
                if not missing:
                    watcher.stop()
            if missing and hopeless(cluster.pods(namespace), missing):
                return
        except (ApiException, HTTPError) as error:
            # A loaded API server breaks off now and then; only a refusal is final.
            if isinstance(error, ApiException) and error.status in {401, 403, 404}:
                raise
            pause(1)
