"""The undos that the ledger names, made to act. Every one may be repeated and then changes nothing.

Each acts as the account whose kind of fault it undoes: what may break a thing is what may put it back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually
from experiments import account, guard, pods, readmission
from experiments.drivers import docker_nodes, packet_rules
from experiments.drivers.database import Database
from experiments.drivers.injector import NAMESPACE as INJECTOR
from experiments.drivers.injector import Replica, Switch
from experiments.ledger import Driver, Entry, Ledger, Undo
from experiments.pods import CALLERS
from experiments.restore import delete_object, restore_object

if TYPE_CHECKING:
    from deploy.cluster import Cluster

ELECTION_S, DISCARD_S, REBUILD_S, FOLLOW_S = 45.0, 120.0, 300.0, 240.0
LAST_ANSWER_S = 8.0
STOP_CALLERS = Path(__file__).parent / "inside" / "stop_callers.sh"


class Target:
    """The cluster that undos act on: reached when the first of them needs it, and asked before each who it is.

    One that cannot be reached is not asked again for every entry: each would wait for its own time-out.
    """

    def __init__(self, name: str, stack: ExitStack) -> None:
        self.name, self._stack = name, stack
        self._cluster: Cluster | None = None
        self._unreachable: Problem | None = None
        self._acting: dict[str, Cluster] = {}

    def of(self, entry: Entry, who: str) -> Cluster:
        """Returns the cluster that an entry's fault was injected into, as an account may use it.

        Raises:
            Problem: it cannot be reached, or another one answers in its place.
        """
        self._require_same(entry)
        if who not in self._acting:
            self._acting[who] = self._stack.enter_context(account.acting_as(self.cluster, who, "heal"))
        return self._acting[who]

    @property
    def cluster(self) -> Cluster:
        """The handle."""
        from deploy.cluster import Cluster

        self._cluster = self._cluster or Cluster.connect(self.name)
        return self._cluster

    def _require_same(self, entry: Entry) -> None:
        if self._unreachable:
            raise self._unreachable
        try:
            answers = guard.identity_text(self.cluster)
        except Problem as problem:
            self._unreachable = problem
            raise
        if entry.on != answers:
            raise Problem(
                "another cluster answers than the one the fault was injected into: nothing was changed there",
                why=f"injected into {entry.on or 'a cluster that the ledger does not name'}\nnow it is {answers}",
                fix="heal with the kubeconfig and context of then; if that cluster is gone, remove the ledger: "
                + str(Ledger.of(self.name).path),
            )


def drivers(name: str, stack: ExitStack) -> Mapping[str, Driver]:
    """Returns the driver of every undo for one cluster; the API server is asked only by those that need it.

    Args:
        name: of the cluster.
        stack: closes what they open.
    """
    target = Target(name, stack)
    on_cluster: Mapping[str, tuple[str, Callable[[Cluster, Undo], str]]] = {
        "clear-fault": (account.WORKLOAD, clear_fault),
        "stop-callers": (account.OBSERVE, stop_callers),
        "restore-object": (account.WEAKEN, restore_object),
        "delete-object": (account.WEAKEN, delete_object),
        "rebuild-database": (account.DATA, rebuild_database),
        "forget-overrides": (account.USER, readmission.forget),
    }

    def driver(who: str, act: Callable[[Cluster, Undo], str]) -> Driver:
        return lambda entry: act(target.of(entry, who), entry.undo)

    by_undo = {undo: driver(who, act) for undo, (who, act) in on_cluster.items()}
    on_node = {"unpause-node": unpause_node, "remove-rules": packet_rules.undo}
    return {undo: partial(_of_node, act) for undo, act in on_node.items()} | by_undo


def heal(name: str, *, abandoned: bool = False) -> list[str]:
    """Undoes what is open in a cluster's ledger, or what no running case has open; returns a line for each."""
    with ExitStack() as stack:
        return Ledger.of(name).heal(drivers(name, stack), abandoned=abandoned)


def heal_own(name: str, fault: str | None = None) -> list[str]:
    """Undoes what this run has open, or what it has open of one fault; returns a line for each."""
    with ExitStack() as stack:
        return Ledger.of(name).heal_own(drivers(name, stack), fault)


def require_rights(cluster: Cluster, undos: Iterable[Undo]) -> None:
    """Checks that the user's own rights, where no account of the suite is acted as, are enough for the undos.

    Raises:
        Problem: they are not; nothing may be injected then.
    """
    from kubernetes.client import AuthorizationV1Api, V1ResourceAttributes, V1SelfSubjectAccessReview

    if not os.environ.get(account.OWN_RIGHTS):  # what an account may do is what its kind of fault needs
        return
    api: Any = AuthorizationV1Api(cluster.api)
    for verb, group, resource, namespace in {need for undo in undos for need in _needs(cluster, undo)}:
        name, _, subresource = resource.partition("/")
        asked = V1ResourceAttributes(
            verb=verb, group=group, resource=name, subresource=subresource, namespace=namespace
        )
        review = V1SelfSubjectAccessReview(spec={"resourceAttributes": asked})
        if not api.create_self_subject_access_review(review, _request_timeout=10).status.allowed:
            raise Problem(
                f"nothing was injected, because it could not be undone: your rights do not let us {verb} {resource}",
                why=f"in namespace {namespace or '(none)'}, with {cluster.kubeconfig}",
                fix=f"use credentials with that right, or the suite's accounts: without {account.OWN_RIGHTS}",
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


def _of_node(act: Callable[[Undo], str], entry: Entry) -> str:
    return act(entry.undo)


def clear_fault(cluster: Cluster, undo: Undo) -> str:
    """Heals those of the replicas that are still the same pods; a pod that was replaced has no fault."""
    namespace, app = str(undo["namespace"]), str(undo["app"])
    there = {pod.uid: pod for pod in pods.find(cluster, namespace, f"app={app}") if pod.running}
    same = [there[pod["uid"]] for pod in undo["pods"] if pod["uid"] in there]
    replicas = [Replica(pod.name, pod.uid, pod.ip) for pod in same]  # a restarted node gives its pods other addresses
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
