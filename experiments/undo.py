"""The undos that the ledger names, made to act. Every one may be repeated and then changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually
from experiments import guard, pods
from experiments.drivers import docker_nodes
from experiments.drivers.database import Database
from experiments.drivers.injector import NAMESPACE as INJECTOR
from experiments.drivers.injector import Replica, Switch
from experiments.ledger import Driver, Entry, Ledger, Undo

if TYPE_CHECKING:
    from deploy.cluster import Cluster

CALLERS = "callers"
ELECTION_S, DISCARD_S, REBUILD_S = 45.0, 120.0, 300.0
STOP_CALLERS = Path(__file__).parent / "inside" / "stop_callers.sh"


class Target:
    """The cluster that undos act on: reached when the first of them needs it, and asked before each who it is.

    One that cannot be reached is not asked again for every entry: each would wait for its own time-out.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._cluster: Cluster | None = None
        self._unreachable: Problem | None = None

    def of(self, entry: Entry) -> Cluster:
        """Returns the cluster that an entry's fault was injected into.

        Raises:
            Problem: it cannot be reached, or another one answers in its place.
        """
        if self._unreachable:
            raise self._unreachable
        try:
            answers = guard.identity_text(self.cluster)
        except Problem as problem:
            self._unreachable = problem
            raise
        if entry.cluster != answers:
            raise Problem(
                "another cluster answers than the one the fault was injected into: nothing was changed there",
                why=f"injected into {entry.cluster or 'a cluster that the ledger does not name'}\nnow it is {answers}",
                fix="heal with the kubeconfig and context of then; if that cluster is gone, remove the ledger: "
                + str(Ledger.of(self.name).path),
            )
        return self.cluster

    @property
    def cluster(self) -> Cluster:
        """The handle."""
        from deploy.cluster import Cluster

        self._cluster = self._cluster or Cluster.connect(self.name)
        return self._cluster


def drivers(name: str) -> Mapping[str, Driver]:
    """Returns the driver of every undo for one cluster; the API server is asked only by those that need it."""
    target = Target(name)
    on_cluster: Mapping[str, Callable[[Cluster, Undo], str]] = {
        "clear-fault": clear_fault,
        "stop-callers": stop_callers,
        "restore-object": restore_object,
        "delete-object": delete_object,
        "rebuild-database": rebuild_database,
    }

    def driver(act: Callable[[Cluster, Undo], str]) -> Driver:
        return lambda entry: act(target.of(entry), entry.undo)

    return {"unpause-node": lambda entry: unpause_node(entry.undo)} | {
        undo: driver(act) for undo, act in on_cluster.items()
    }


def heal(name: str, fault: str | None = None) -> list[str]:
    """Undoes everything that is open in a cluster's ledger, or one fault; returns a line for each."""
    return Ledger.of(name).heal(drivers(name), fault=fault)


def require_rights(cluster: Cluster, undos: Iterable[Undo]) -> None:
    """Checks that we may do what the undos need, before there is anything to undo.

    Raises:
        Problem: we may not; nothing may be injected then.
    """
    from kubernetes.client import AuthorizationV1Api, V1ResourceAttributes, V1SelfSubjectAccessReview

    api: Any = AuthorizationV1Api(cluster.api)
    for undo in undos:
        for verb, group, resource, namespace in _needs(cluster, undo):
            name, _, subresource = resource.partition("/")
            asked = V1ResourceAttributes(
                verb=verb, group=group, resource=name, subresource=subresource, namespace=namespace
            )
            review = V1SelfSubjectAccessReview(spec={"resourceAttributes": asked})
            if not api.create_self_subject_access_review(review, _request_timeout=10).status.allowed:
                raise Problem(
                    f"nothing was injected: it could not be undone, these credentials may not {verb} {resource}",
                    why=f"undo {undo['undo']}, namespace {namespace or '(none)'}, {cluster.kubeconfig}",
                    fix="use credentials with that right",
                )


def _needs(cluster: Cluster, undo: Undo) -> Iterator[tuple[str, str, str, str]]:
    """Yields the verb, group, resource and namespace of every right that an undo takes."""
    if undo["undo"] == "clear-fault":
        yield "create", "", "pods/exec", INJECTOR
    elif undo["undo"] == "stop-callers":
        yield "create", "", "pods/exec", CALLERS
    elif undo["undo"] in {"restore-object", "delete-object"}:
        kind = undo.get("manifest", undo)
        found = cluster.dynamic.resources.get(api_version=kind["apiVersion"], kind=kind["kind"])
        namespace = kind.get("metadata", kind).get("namespace") or ""
        verbs = ("create", "update") if undo["undo"] == "restore-object" else ("delete",)
        yield from ((verb, found.group or "", found.name, namespace) for verb in verbs)
    elif undo["undo"] == "rebuild-database":
        yield from ((verb, "apps", "statefulsets", undo["namespace"]) for verb in ("create", "update", "delete"))


def unpause_node(undo: Undo) -> str:
    """Thaws a node."""
    node = str(undo["node"])
    if not docker_nodes.exists(node):
        return f"node {node} is gone"
    return f"node {node} thawed" if docker_nodes.unpause([node]) else f"node {node} was not frozen"


def clear_fault(cluster: Cluster, undo: Undo) -> str:
    """Heals those of the replicas that are still the same pods; a pod that was replaced has no fault."""
    namespace, app = str(undo["namespace"]), str(undo["app"])
    there = {pod.uid: pod for pod in pods.find(cluster, namespace, f"app={app}") if pod.running}
    same = [there[pod["uid"]] for pod in undo["pods"] if pod["uid"] in there]
    replicas = [Replica(pod.name, pod.uid, pod.ip) for pod in same]  # a restarted node gives its pods other addresses
    Switch(cluster, namespace, app).clear(replicas)
    return f"{len(replicas)} replica(s) of {namespace}/{app} healed"


def stop_callers(cluster: Cluster, undo: Undo) -> str:
    """Ends the open-loop callers in the caller's pods; those on this host end with the experiment that started them."""
    ended = 0
    for zone in undo["zones"]:
        for pod in pods.find(cluster, CALLERS, f"app=caller-{zone}"):
            if pod.running:
                argv = ["sh", "-c", STOP_CALLERS.read_text()]
                ended += int(cluster.exec(CALLERS, pod.name, argv, container="caller"))
    return f"{ended} caller(s) ended"


def restore_object(cluster: Cluster, undo: Undo) -> str:
    """Makes an object be as it was written down, whether it was changed or deleted."""
    from kubernetes.dynamic.exceptions import NotFoundError

    manifest = dict(undo["manifest"])
    name, namespace = manifest["metadata"]["name"], manifest["metadata"].get("namespace")
    resource = cluster.dynamic.resources.get(api_version=manifest["apiVersion"], kind=manifest["kind"])
    label = f"{manifest['kind']} {namespace}/{name}"
    try:
        live = resource.get(name=name, namespace=namespace).to_dict()
    except NotFoundError:
        resource.create(body=manifest, namespace=namespace)
        return f"{label} made again"
    if essence(live) == manifest:
        return f"{label} was as it should be"
    manifest["metadata"] = manifest["metadata"] | {"resourceVersion": live["metadata"]["resourceVersion"]}
    resource.replace(body=manifest, name=name, namespace=namespace)
    return f"{label} restored"


def delete_object(cluster: Cluster, undo: Undo) -> str:
    """Deletes an object that a fault made."""
    from kubernetes.dynamic.exceptions import NotFoundError

    resource = cluster.dynamic.resources.get(api_version=undo["apiVersion"], kind=undo["kind"])
    label = f"{undo['kind']} {undo.get('namespace')}/{undo['name']}"
    try:
        resource.delete(name=undo["name"], namespace=undo.get("namespace"))
    except NotFoundError:
        return f"{label} is gone"
    return f"{label} deleted"


def rebuild_database(cluster: Cluster, undo: Undo) -> str:
    """Brings a database back from its repository, unless it still stands, or stands again, with its own data.

    Half a destruction is finished first: members with data and Patroni's memory of members without would wait for
    each other.
    """
    database = Database(cluster, str(undo["namespace"]), str(undo["name"]))
    label = f"database {undo['namespace']}/{undo['name']}"

    def stands() -> bool:
        try:
            return database.identifier() == str(undo["identifier"])
        except Problem:
            return False

    with suppress(NotSo):  # an election, or a connection that was lost, must not cost a database its life
        eventually(stands, bool, within_s=ELECTION_S, every_s=2, what=f"{label} to answer")
        restore_object(cluster, undo)
        return f"{label} stands with its own data"
    database.discard(DISCARD_S)
    restore_object(cluster, undo)
    eventually(stands, bool, within_s=REBUILD_S, every_s=2, what=f"{label} to come back from its repository")
    return f"{label} restored from its repository"


SERVERS_OWN = (
    "managedFields",
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "generation",
    "selfLink",
    "deletionTimestamp",
)
CONTROLLERS_OWN = ("deployment.kubernetes.io/revision", "history")  # the second is Patroni's list of its timelines


def essence(live: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an object without what the server and its controllers write: what its owner meant."""
    metadata = {key: value for key, value in live["metadata"].items() if key not in SERVERS_OWN}
    annotations = {key: value for key, value in metadata.pop("annotations", {}).items() if key not in CONTROLLERS_OWN}
    if annotations:
        metadata["annotations"] = annotations
    return {key: value for key, value in live.items() if key != "status"} | {"metadata": metadata}
