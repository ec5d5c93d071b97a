"""After each experiment the cluster is what it was, or the run stops.

A snapshot holds what faults, negative controls and callers touch: nodes, rules and queues on them and in their pods'
networks, callers that still run, the essence of every object that somebody declared, open entries of the ledger. Of
Secrets and ConfigMaps it holds digests only. What the platform changes by itself is no difference; see `_declared`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually
from experiments import running
from experiments.drivers import node_state
from experiments.ledger import Ledger
from experiments.objects import Object, listed, where
from experiments.patches import essence
from experiments.record import Recorder, as_json, now

if TYPE_CHECKING:
    from deploy.cluster import Cluster

type Facts = dict[str, Any]

AT_A_TIME = 8
SETTLE_S = 90.0  # taints of a node that was thawed, and what its kubelet still has to clean away
SHOWN, TEXT_MAX = 12, 120
KINDS = {
    "Deployment": "apis/apps/v1/deployments",
    "StatefulSet": "apis/apps/v1/statefulsets",
    "DaemonSet": "apis/apps/v1/daemonsets",
    "Job": "apis/batch/v1/jobs",
    "CronJob": "apis/batch/v1/cronjobs",
    "Pod": "api/v1/pods",
    "Namespace": "api/v1/namespaces",
    "Service": "api/v1/services",
    "PodDisruptionBudget": "apis/policy/v1/poddisruptionbudgets",
    "HorizontalPodAutoscaler": "apis/autoscaling/v2/horizontalpodautoscalers",
    "VerticalPodAutoscaler": "apis/autoscaling.k8s.io/v1/verticalpodautoscalers",
    "NetworkPolicy": "apis/networking.k8s.io/v1/networkpolicies",
    "DestinationRule": "apis/networking.istio.io/v1/destinationrules",
    "VirtualService": "apis/networking.istio.io/v1/virtualservices",
    "Gateway": "apis/networking.istio.io/v1/gateways",
    "ServiceEntry": "apis/networking.istio.io/v1/serviceentries",
    "Sidecar": "apis/networking.istio.io/v1/sidecars",
    "EnvoyFilter": "apis/networking.istio.io/v1alpha3/envoyfilters",
    "PeerAuthentication": "apis/security.istio.io/v1/peerauthentications",
    "AuthorizationPolicy": "apis/security.istio.io/v1/authorizationpolicies",
    "RequestAuthentication": "apis/security.istio.io/v1/requestauthentications",
    "Telemetry": "apis/telemetry.istio.io/v1/telemetries",
    "Schedule": "apis/velero.io/v1/schedules",
    "BackupStorageLocation": "apis/velero.io/v1/backupstoragelocations",
    "ConfigMap": "api/v1/configmaps",
    "Secret": "api/v1/secrets",
}
NODES = "api/v1/nodes"
# ConfigMaps with public certificates, renewed by who puts them there.
IN_EVERY_NAMESPACE = frozenset({"kube-root-ca.crt", "istio-ca-root-cert", "istio-ca-crl"})
DIGESTED = frozenset({"ConfigMap", "Secret"})
FIX = "python -m experiments heal, then python -m deploy up; undo by hand what neither mends"


class NotAsBefore(Problem):
    """The cluster is not what it was before an experiment: nothing that is measured on it now can be believed."""


@contextmanager
def kept(cluster: Cluster, recorder: Recorder) -> Iterator[None]:
    """Compares the cluster after the block, once it has settled, with the cluster before it; records the differences.

    Only a case that has the cluster to itself when it begins and when it ends can be compared: what another one that
    runs disturbs, or has taken away, is that one's business. `experiments gate` compares once more when all are over.

    Raises:
        NotAsBefore: there are some. While something else is being raised they are added to that as a note.
    """
    before = _undisturbed(cluster)
    try:
        yield
    except BaseException as error:
        if left := _left(cluster, recorder, before):
            error.add_note(str(left))
        raise
    if left := _left(cluster, recorder, before):
        raise left


def _beside(cluster: Cluster) -> list[str]:
    """Returns the names of the other cases that run."""
    return sorted(case.name for case in running.cases(cluster.name) if case.run != running.this())


def _undisturbed(cluster: Cluster) -> Facts | None:
    """Returns a snapshot; None if another case runs, or began while it was taken."""
    if _beside(cluster):
        return None
    facts = take(cluster)
    return None if _beside(cluster) else facts


def _left(cluster: Cluster, recorder: Recorder, before: Facts | None) -> NotAsBefore | None:
    def compared() -> list[str] | None:
        if before is None:
            return None
        after = _undisturbed(cluster)
        return None if after is None else differences(before, after)

    begun = now()["mono"]
    try:
        found = eventually(
            compared,
            lambda left: not left,
            within_s=SETTLE_S,
            every_s=3,
            what="the cluster to be what it was",
        )
    except NotSo as missed:
        found = missed.last if isinstance(missed.last, list) else [f"the cluster could not be compared: {missed}"]
    if before is None or found is None:
        recorder.note("not compared with what the cluster was before: other cases ran beside this one")
        return None
    recorder.event("baseline", lo=begun, hi=now()["mono"], compared=len(before), differences=found)
    if not found:
        return None
    more = [f"… and {len(found) - SHOWN} more, see the case's events"] if len(found) > SHOWN else []
    what = f"the cluster is not what it was before {recorder.folder.name}: {len(found)} difference(s)"
    return NotAsBefore(what, why="\n".join([*found[:SHOWN], *more]), fix=FIX)


def take(cluster: Cluster) -> Facts:
    """Returns a snapshot: what -> how it is, side by side and one call for each kind.

    Raises:
        Problem, ApiException, HTTPError: something could not be asked.
    """
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        nodes = pool.submit(lambda: listed(cluster, NODES) or [])
        kinds = {kind: pool.submit(listed, cluster, path) for kind, path in KINDS.items()}
        names = [node["metadata"]["name"] for node in nodes.result()]
        here = pool.submit(node_state.look, names)
        facts: Facts = {f"Node {where(node)}": node_facts(node) for node in nodes.result()}
        for node, state in here.result().items():
            facts |= {f"{section} on node {node}": lines for section, lines in state.items()}
        objects = {kind: future.result() or [] for kind, future in kinds.items()}
    autoscaled = _autoscaled(objects["HorizontalPodAutoscaler"])
    leaving = frozenset(each["metadata"]["name"] for each in objects["Namespace"] if _is_leaving(each))
    for kind, items in objects.items():
        facts |= {f"{kind} {where(item)}": object_facts(kind, item, autoscaled) for item in _declared(items, leaving)}
    return facts | {f"open fault {entry.id}": [entry.fault] for entry in Ledger.of(cluster.name).open()}


def node_facts(node: Object) -> Facts:
    """Returns what experiments do to a node: labels, taints, cordon, and whether it is Ready."""
    spec, conditions = node.get("spec", {}), node.get("status", {}).get("conditions", [])
    taints = sorted(f"{each['key']}={each.get('value', '')}:{each['effect']}" for each in spec.get("taints", []))
    return {
        "labels": node["metadata"].get("labels", {}),
        "taints": taints,
        "cordoned": bool(spec.get("unschedulable")),
        "ready": any(each["type"] == "Ready" and each["status"] == "True" for each in conditions),
    }


def object_facts(kind: str, item: Object, autoscaled: frozenset[str] = frozenset()) -> Any:
    """Returns what an object's owner meant; of what may be secret only a digest."""
    if kind in DIGESTED:
        meant = {key: item.get(key) for key in ("data", "binaryData", "type", "immutable")}
        return hashlib.sha256(as_json(meant)).hexdigest()
    facts = essence(item)
    if f"{kind} {where(item)}" in autoscaled:
        facts["spec"] = {key: value for key, value in facts["spec"].items() if key != "replicas"}
    return facts


def _declared(items: list[Object], leaving: frozenset[str]) -> Iterator[Object]:
    """Yields the objects that somebody declared, and that are not on their way out, by themselves or with a namespace.

    What belongs to another object comes and goes with that: Jobs of CronJobs, pods of workloads, what operators make.
    So does what controllers put into each namespace.
    """
    for item in items:
        meta = item["metadata"]
        if meta.get("ownerReferences") or _is_leaving(item) or meta.get("namespace") in leaving:
            continue
        if meta["name"] not in IN_EVERY_NAMESPACE:
            yield item


def _is_leaving(item: Object) -> bool:
    return bool(item["metadata"].get("deletionTimestamp"))


def _autoscaled(autoscalers: list[Object]) -> frozenset[str]:
    """Returns the workloads whose number of replicas is an autoscaler's business."""
    targets = ((each["metadata"]["namespace"], each["spec"]["scaleTargetRef"]) for each in autoscalers)
    return frozenset(f"{target['kind']} {namespace}/{target['name']}" for namespace, target in targets)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Returns, in words, what is not what it was; nothing of what may be secret."""
    found = [f"{what} is gone" for what in sorted(before.keys() - after.keys())]
    found += [f"{what} is new{_told(after[what])}" for what in sorted(after.keys() - before.keys())]
    for what in sorted(before.keys() & after.keys()):
        if what.partition(" ")[0] in DIGESTED:
            found += [f"{what}: its content changed"] if before[what] != after[what] else []
        else:
            found += [f"{what}: {change}" for change in _changes(before[what], after[what])]
    return found


def _told(facts: Any) -> str:
    """Returns what there is to say of a new fact; an object speaks for itself."""
    return f": {_short(facts)}" if isinstance(facts, list) else ""


def _changes(before: Any, after: Any, path: str = "") -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _changes(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _changes(old, new, f"{path}[{index}]")
    else:
        yield f"{path or 'it'} was {_short(before)}, is {_short(after)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}…"
