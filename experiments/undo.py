"""The undos that the ledger names, made to act. Every one may be repeated and then changes nothing.

Each acts as the account whose kind of fault it undoes: what may break a thing is what may put it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually
from experiments import account, pods
from experiments.drivers import docker_nodes
from experiments.drivers.database import Database
from experiments.drivers.injector import Replica, Switch
from experiments.ledger import Driver, Ledger, Undo

if TYPE_CHECKING:
    from deploy.cluster import Cluster

CALLERS = "callers"
ELECTION_S, DISCARD_S, REBUILD_S, FOLLOW_S, DELETED_S = 45.0, 120.0, 300.0, 240.0, 60.0
LAST_ANSWER_S = 8.0
STOP_CALLERS = Path(__file__).parent / "inside" / "stop_callers.sh"


def drivers(name: str, stack: ExitStack) -> Mapping[str, Driver]:
    """Returns the driver of every undo for one cluster; the API server is asked only by those that need it.

    Args:
        name: of the cluster.
        stack: closes what they open.
    """
    acting: dict[str, Cluster] = {}

    def by(who: str) -> Cluster:
        from deploy.cluster import Cluster

        if who not in acting:
            acting[who] = stack.enter_context(account.acting_as(Cluster.connect(name), who, "heal"))
        return acting[who]

    return {
        "unpause-node": unpause_node,
        "clear-fault": lambda undo: clear_fault(by(account.WORKLOAD), undo),
        "stop-callers": lambda undo: stop_callers(by(account.OBSERVE), undo),
        "restore-object": lambda undo: restore_object(by(account.WEAKEN), undo),
        "delete-object": lambda undo: delete_object(by(account.WEAKEN), undo),
        "rebuild-database": lambda undo: rebuild_database(by(account.DATA), undo),
    }


def heal(name: str, *, abandoned: bool = False) -> list[str]:
    """Undoes what is open in a cluster's ledger, or what no running case has open; returns a line for each."""
    with ExitStack() as stack:
        return Ledger.of(name).heal(drivers(name, stack), abandoned=abandoned)


def heal_own(name: str, fault: str | None = None) -> list[str]:
    """Undoes what this run has open, or what it has open of one fault; returns a line for each."""
    with ExitStack() as stack:
        return Ledger.of(name).heal_own(drivers(name, stack), fault)


def unpause_node(undo: Undo) -> str:
    """Thaws a node."""
    node = str(undo["node"])
    if not docker_nodes.exists(node):
        return f"node {node} is gone"
    return f"node {node} thawed" if docker_nodes.unpause([node]) else f"node {node} was not frozen"


def clear_fault(cluster: Cluster, undo: Undo) -> str:
    """Heals those of the replicas that are still the same pods; a pod that was replaced has no fault."""
    namespace, app = str(undo["namespace"]), str(undo["app"])
    there = {pod.uid for pod in pods.find(cluster, namespace, f"app={app}")}
    replicas = [Replica(**pod) for pod in undo["pods"] if pod["uid"] in there]
    Switch(cluster, namespace, app).clear(replicas)
    return f"{len(replicas)} replica(s) of {namespace}/{app} healed"


def stop_callers(cluster: Cluster, undo: Undo) -> str:
    """Ends the open-loop callers of a run in the caller's pods; those on this host end with whoever started them."""
    ended = 0
    for zone in undo["zones"]:
        for pod in pods.find(cluster, CALLERS, f"app=caller-{zone}"):
            if pod.running:
                argv = ["sh", "-c", STOP_CALLERS.read_text(), str(undo.get("run", ""))]
                ended += int(cluster.exec(CALLERS, pod.name, argv, container="caller"))
    return ", ".join([f"{ended} caller(s) ended", *samples_left(cluster, undo)])


def samples_left(cluster: Cluster, undo: Undo) -> Iterator[str]:
    """Brings the samples that a killed experiment left in its callers' pods into its record, if that is still there."""
    from loadtests.run import PodCaller

    for name, zone in undo.get("callers", {}).items():
        out = Path(undo["case"]) / f"samples-{name}.ndjson"
        if out.exists() or not out.parent.is_dir():
            continue
        try:
            caller = PodCaller.left(cluster, zone, str(undo["run"]), name)
            if caller:
                with suppress(Problem):  # killed as well: then what there is has no end line
                    caller.await_end(LAST_ANSWER_S)
                caller.fetch(out, whole=False)
                yield f"samples of {name} fetched"
        except Problem as problem:  # a record that is not whole must not keep the cluster from being healed
            yield f"samples of {name} are lost: {problem.what}"


def restore_object(cluster: Cluster, undo: Undo) -> str:
    """Makes an object be as it was written down, whether it was changed or deleted."""
    manifest = dict(undo["manifest"])
    name, namespace = manifest["metadata"]["name"], manifest["metadata"].get("namespace")
    resource = cluster.dynamic.resources.get(api_version=manifest["apiVersion"], kind=manifest["kind"])
    label = f"{manifest['kind']} {namespace}/{name}"
    # One that is still being deleted would take what is written to it along.
    live = eventually(
        lambda: _live(resource, name, namespace),
        lambda live: live is None or not live["metadata"].get("deletionTimestamp"),
        within_s=DELETED_S,
        what=f"{label} to be gone or to stay",
    )
    if live is None:
        resource.create(body=manifest, namespace=namespace)
        return f"{label} made again"
    if essence(live) == manifest:
        return f"{label} was as it should be"
    manifest["metadata"] = manifest["metadata"] | {"resourceVersion": live["metadata"]["resourceVersion"]}
    resource.replace(body=manifest, name=name, namespace=namespace)
    return f"{label} restored"


def _live(resource: Any, name: str, namespace: str | None) -> dict[str, Any] | None:
    from kubernetes.dynamic.exceptions import NotFoundError

    try:
        return dict(resource.get(name=name, namespace=namespace).to_dict())
    except NotFoundError:
        return None


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
    each other. It is over when every member follows, those too that lost a part of their data.
    """
    database = Database(cluster, str(undo["namespace"]), str(undo["name"]))
    label = f"database {undo['namespace']}/{undo['name']}"

    def stands() -> bool:
        try:
            return database.identifier() == str(undo["identifier"])
        except Problem:
            return False

    told = f"{label} stands with its own data"
    try:  # an election, or a connection that was lost, must not cost a database its life
        eventually(stands, bool, within_s=ELECTION_S, every_s=2, what=f"{label} to answer")
        restore_object(cluster, undo)
    except NotSo:
        database.discard(DISCARD_S)
        restore_object(cluster, undo)
        eventually(stands, bool, within_s=REBUILD_S, every_s=2, what=f"{label} to come back from its repository")
        told = f"{label} restored from its repository"
    renewed = _complete(database, label)
    return f"{told}, {', '.join(renewed)} copied anew" if renewed else told


def _complete(database: Database, label: str) -> list[str]:
    """Waits until every member follows; one that does not by itself gets a new volume. Returns the names of those."""

    def all_follow(within_s: float) -> None:
        wanted = f"every member of {label} to follow"
        eventually(database.behind, lambda names: not names, within_s=within_s, every_s=2, what=wanted)

    try:
        all_follow(FOLLOW_S)
    except NotSo:
        behind = database.behind()
        for name in behind:
            database.renew(name)
        all_follow(REBUILD_S)
        return behind
    return []


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
