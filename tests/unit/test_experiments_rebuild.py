"""What heal does with a database that was left at any step of its destruction, on an API server in memory."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import ApiException
from kubernetes.dynamic.exceptions import ConflictError

from deploy.waiting import NotSo
from experiments import restore, undo
from experiments.drivers.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable

GONE = ApiException(404, "not found")


class Server:
    """Objects that take a few looks to be gone; `log` is what was deleted, in order."""

    def __init__(self, *objects: str, looks: int = 2) -> None:
        self.left = dict.fromkeys(objects, looks)
        self.leaving: set[str] = set()
        self.log: list[str] = []
        self.comes_back: list[str] = []

    def deleter(self, kind: str) -> Callable[..., None]:
        def delete(name: str, _namespace: str, **_: Any) -> None:
            key = f"{kind}/{name}"
            if key not in self.left:
                raise GONE
            if key not in self.leaving:
                self.log.append(key)
                self.leaving.add(key)

        return delete

    def names(self, kind: str) -> list[str]:
        """Lists a kind; what is being deleted is gone after some looks."""
        if kind == "claim" and self.comes_back:  # a restore that was under way makes its next object
            self.left[self.comes_back.pop()] = 2
        for key in [key for key in self.leaving if key.startswith((f"{kind}/", "set/"))]:
            self.left[key] -= 1
            if self.left[key] <= 0:
                self.leaving.discard(key)
                del self.left[key]
        return [key.partition("/")[2] for key in self.left if key.startswith(f"{kind}/")]

    def items(self, kind: str) -> Any:
        metas = [SimpleNamespace(name=name, uid=f"uid-{name}") for name in self.names(kind)]
        return SimpleNamespace(items=[SimpleNamespace(metadata=meta) for meta in metas])

    @property
    def database(self) -> Database:
        core = SimpleNamespace(
            delete_namespaced_pod=self.deleter("pod"),
            delete_namespaced_persistent_volume_claim=self.deleter("claim"),
            delete_namespaced_endpoints=self.deleter("endpoints"),
            list_namespaced_persistent_volume_claim=lambda *_, **__: self.items("claim"),
            list_persistent_volume=lambda **_: SimpleNamespace(items=[]),
        )
        apps = SimpleNamespace(delete_namespaced_stateful_set=self.deleter("set"))
        cluster: Any = SimpleNamespace(core=core, apps=apps)
        return Members(cluster, "data", "postgres", self)


class Members(Database):
    """A database whose pods are the server's."""

    def __init__(self, cluster: Any, namespace: str, name: str, server: Server) -> None:
        super().__init__(cluster, namespace, name)
        object.__setattr__(self, "server", server)

    @property
    def members(self) -> Any:
        server: Server = self.server  # type: ignore[attr-defined]
        return [SimpleNamespace(name=name) for name in server.names("pod")]


PODS = [f"pod/postgres-{n}" for n in range(3)]
CLAIMS = [f"claim/data-postgres-{n}" for n in range(3)]
MEMORY = ["endpoints/postgres", "endpoints/postgres-config", "endpoints/postgres-sync"]


@pytest.mark.parametrize(
    "left",
    [
        ["set/postgres", *PODS, *CLAIMS, *MEMORY],
        [*PODS, *CLAIMS, *MEMORY],
        [*PODS[1:], *CLAIMS[1:], *MEMORY],
        [*CLAIMS, *MEMORY],
        MEMORY,
        [],
    ],
    ids=["whole", "orphaned", "half deleted", "claims left", "only what Patroni knows", "nothing"],
)
def test_a_destruction_is_finished_from_every_step_and_what_patroni_knows_goes_last(left: list[str]) -> None:
    server = Server(*left)
    server.database.discard(within_s=60)
    assert sorted(server.log) == sorted(left)
    assert server.log[len(server.log) - len(set(left) & set(MEMORY)) :] == [item for item in MEMORY if item in left]


def test_what_a_restore_under_way_brings_back_meanwhile_is_deleted_too() -> None:
    server = Server(*PODS, *CLAIMS, *MEMORY)
    server.comes_back = ["pod/postgres-0", "set/postgres", "claim/data-postgres-0"]
    server.database.discard(within_s=60)
    assert not [key for key in server.left if not key.startswith("endpoints/")]
    assert server.log.index("set/postgres") < server.log.index("endpoints/postgres-config")


class Standing:
    """A database that stands, with members that follow, follow later, or only once they were made anew."""

    def __init__(self, *behind: list[str]) -> None:
        self.answers, self.renewed = list(behind), []  # type: ignore[var-annotated]

    def identifier(self) -> str:
        return "7"

    def behind(self) -> list[str]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def renew(self, name: str) -> None:
        self.renewed.append(name)
        self.answers = [[name], []]


@pytest.mark.parametrize(
    ("behind", "follow_s", "renewed"),
    [
        ([[]], 60, []),
        ([["postgres-1", "postgres-2"], ["postgres-2"], []], 60, []),
        ([["postgres-1"]], 0.1, ["postgres-1"]),
    ],
    ids=["all follow", "they come back by themselves", "one lost a part of its data"],
)
def test_heal_is_over_when_every_member_follows(
    monkeypatch: pytest.MonkeyPatch, behind: list[list[str]], follow_s: float, renewed: list[str]
) -> None:
    database = Standing(*behind)
    monkeypatch.setattr(undo, "Database", lambda *_: database)
    monkeypatch.setattr(undo, "restore_object", lambda *_: "")
    monkeypatch.setattr(undo, "FOLLOW_S", follow_s)
    asked = {"undo": "rebuild-database", "namespace": "data", "name": "postgres", "identifier": "7", "manifest": {}}
    told = undo.rebuild_database(None, asked)  # type: ignore[arg-type]
    assert database.renewed == renewed
    assert ("copied anew" in told) is bool(renewed)


class Asked(Database):
    """A database of three whose primary knows who streams."""

    streams: str

    def manifest(self) -> dict[str, Any]:
        return {"spec": {"replicas": 3}}

    def primary(self) -> Any:
        return SimpleNamespace(name="postgres-1")

    def sql(self, query: str, **_: Any) -> str:
        assert "streaming" in query
        return self.streams


@pytest.mark.parametrize(
    ("streams", "behind"),
    [
        ("postgres-0\npostgres-2", []),
        ("postgres-2\npg_basebackup", ["postgres-0"]),
        ("", ["postgres-0", "postgres-2"]),
    ],
)
def test_a_copy_that_is_being_made_does_not_count_as_a_member_that_follows(streams: str, behind: list[str]) -> None:
    asked = Asked(None, "data", "postgres")  # type: ignore[arg-type]
    object.__setattr__(asked, "streams", streams)
    assert asked.behind() == behind


class Resource:
    """One object, being deleted for some looks; remembers what was done with it."""

    def __init__(self, looks: int, live: dict[str, Any]) -> None:
        self.looks, self.live, self.done = looks, live, []  # type: ignore[var-annotated]

    def get(self, **_: Any) -> Any:
        from kubernetes.dynamic.exceptions import NotFoundError

        self.looks -= 1
        if self.looks < 0 and self.live["metadata"].get("deletionTimestamp"):
            raise NotFoundError(GONE)
        return SimpleNamespace(to_dict=lambda: self.live)

    def create(self, **_: Any) -> None:
        self.done.append("created")

    def replace(self, **_: Any) -> None:
        self.done.append("replaced")


@pytest.mark.parametrize(
    ("deleted", "looks", "done"), [(True, 2, ["created"]), (True, 10**9, None), (False, 0, ["replaced"])]
)
def test_an_object_on_its_way_out_is_not_written_to(
    monkeypatch: pytest.MonkeyPatch, *, deleted: bool, looks: int, done: list[str] | None
) -> None:
    meta: dict[str, Any] = {"name": "postgres", "namespace": "data", "resourceVersion": "1"}
    if deleted:
        meta |= {"deletionTimestamp": "2026-11-25T00:00:00Z", "finalizers": ["orphan"]}
    resource = Resource(looks, {"metadata": meta})
    cluster: Any = SimpleNamespace(dynamic=SimpleNamespace(resources=SimpleNamespace(get=lambda **_: resource)))
    manifest = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "postgres", "namespace": "data"}}
    if done is None:
        monkeypatch.setattr(restore, "DELETED_S", 0.1)
        with pytest.raises(NotSo):
            restore.restore_object(cluster, {"manifest": manifest})
    else:
        restore.restore_object(cluster, {"manifest": manifest})
    assert resource.done == (done or [])


@pytest.mark.parametrize(("conflicts", "done"), [(0, True), (5, True), (6, False)])
def test_an_object_that_somebody_else_has_just_written_is_looked_at_again(conflicts: int, *, done: bool) -> None:
    versions: list[str] = []

    class Contended(Resource):
        def replace(self, body: Any = None, **_: Any) -> None:
            versions.append(body["metadata"]["resourceVersion"])
            self.live["metadata"]["resourceVersion"] = str(len(versions) + 1)
            if len(versions) <= conflicts:
                raise ConflictError(ApiException(409, "Conflict"))
            super().replace()

    resource = Contended(0, {"metadata": {"name": "postgres", "namespace": "data", "resourceVersion": "1"}})
    cluster: Any = SimpleNamespace(dynamic=SimpleNamespace(resources=SimpleNamespace(get=lambda **_: resource)))
    manifest = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "postgres", "namespace": "data"}}
    with nullcontext() if done else pytest.raises(ConflictError):
        restore.restore_object(cluster, {"manifest": manifest})
    assert versions == [str(look + 1) for look in range(min(conflicts, 5) + 1)]
    assert "resourceVersion" not in manifest["metadata"]
