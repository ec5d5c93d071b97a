"""What is older than its retention is deleted, and what is a day younger is not.

Method: an object that is a day too old and one that is a day too young are put beside the real dumps; the real job of
the schedule is run, and the bucket is listed before and after. Age is what the jobs go by, the time that an object was
last changed. Of Velero's backups one lives for seconds and one for an hour. Velero looks for what is over once an hour
and whenever it gets to know a backup: so both are made unknown to it (their objects in the cluster are deleted, not
those in the store), and it finds them in the store again. A failure means that the store fills up, or that backups go
that were promised to be there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from deploy.cluster import Cluster
from deploy.waiting import eventually, pause
from experiments.drivers import velero
from tests import cron_jobs
from tests.cron_jobs import Hands
from tests.security.object_storage_client import Client

pytestmark = [pytest.mark.nightly, pytest.mark.certification]

DAYS = {"postgresql": 30, "redis": 7, "configuration": 90, "etcd": 30}  # as the document says
JOBS = {"postgresql": "postgresql-dump", "redis": "redis-dump", "configuration": "configuration-dump"}
JOBS["etcd"] = "etcd-snapshot"
LIVES_S, FINDS_S, BACKUP_S = 20, 240, 90  # Velero compares the store with the cluster every two minutes
COMMON = 'source /etc/backup/common; unlock_dumps; what=${1:?}; cd "$(mktemp -d)"; '
PLANT = COMMON + 'echo planted > it; touch --date="$2 days ago" it; rclone copyto it "dumps:$what/$3"'
LIST = COMMON + 'rclone lsf --recursive --files-only --include="/$what/**" dumps:'  # also of a folder that is not there
REMOVE = COMMON + 'rclone delete --include="/$what/$2" dumps:'
# What every dump job ends with, on its own folder: 0 days keep nothing, 100,000 days everything.
KEEP = COMMON + 'began=$(now); echo a dump > dump; echo "{}" | keep "$what" dump "$2"'


@pytest.fixture(scope="module")
def store(kind_cluster: Cluster) -> Iterator[Hands]:
    with cron_jobs.hands(kind_cluster, "backup", "configuration-dump") as pod:
        yield pod


def collected(store: Hands, what: str, days: int, collect: Callable[[], object]) -> set[str]:
    """Plants an object on each side of a retention, lets something collect, and returns which of the two are gone."""
    mark = f"planted-{uuid4().hex[:8]}-"
    planted = {"expired": days + 1, "unexpired": days - 1}
    try:
        for word, age_days in planted.items():
            store.do(PLANT, what, str(age_days), f"{mark}{word}.dump")
        before = store.do(LIST, what).splitlines()
        assert found(planted, before, mark) == set(planted)
        collect()
        after = store.do(LIST, what).splitlines()
        print(f"{what}: {len(before)} objects before, {len(after)} after")
        return set(planted) - found(planted, after, mark)
    finally:
        store.do(REMOVE, what, f"{mark}*")


def found(words: Iterable[str], names: list[str], mark: str) -> set[str]:
    """Returns which of the planted objects are in a list."""
    return {word for word in words if any(name.endswith(f"/{mark}{word}.dump") for name in names)}


@pytest.mark.parametrize("what", DAYS)
def test_an_expired_dump_is_deleted_and_an_unexpired_one_is_not(kind_cluster: Cluster, store: Hands, what: str) -> None:
    def collect() -> None:
        ended = cron_jobs.run(kind_cluster, "backup", JOBS[what])
        assert ended.succeeded, ended.log

    assert collected(store, what, DAYS[what], collect) == {"expired"}


@pytest.mark.control
@pytest.mark.parametrize(
    ("kept_days", "gone"), [("100000", set()), ("0", {"expired", "unexpired"})], ids=["never deletes", "keeps nothing"]
)
def test_another_retention_is_noticed(store: Hands, kept_days: str, gone: set[str]) -> None:
    what = f"retention-test-{uuid4().hex[:8]}"  # a folder of its own: the real dumps must not go
    try:
        assert collected(store, what, 30, lambda: store.do(KEEP, what, kept_days)) == gone
    finally:
        store.do(REMOVE, what, "**")


@pytest.mark.slow
def test_velero_deletes_an_expired_backup_from_the_store_and_no_other(kind_cluster: Cluster) -> None:
    client = Client(kind_cluster)
    lives = {"expired": f"{LIVES_S}s", "unexpired": "1h"}
    names = {word: f"retention-{word}-{uuid4().hex[:8]}" for word in lives}
    try:
        for word, name in names.items():
            back_up(kind_cluster, name, lives[word])
        assert [status(client, name) for name in names.values()] == [200, 200]
        pause(LIVES_S)
        for name in names.values():
            kind_cluster.kubectl("-n", "velero", "delete", "backups.velero.io", name)
        known = {"expired": False, "unexpired": True}
        eventually(
            lambda: {word: (status(client, name), exists(kind_cluster, name)) for word, name in names.items()},
            {word: (200 if there else 404, there) for word, there in known.items()}.__eq__,
            within_s=FINDS_S,
            every_s=5,
            what="Velero to find both in the store, and to delete the expired one there",
        )
    finally:
        for name in names.values():
            if exists(kind_cluster, name):
                velero.request(kind_cluster, "DeleteBackupRequest", {"backupName": name}, name=name)


def back_up(cluster: Cluster, name: str, lives: str) -> None:
    """Backs up a handful of objects, which live in the store for some time."""
    spec: dict[str, Any] = {"includedNamespaces": ["backup-validation"], "includedResources": ["configmaps"]}
    spec |= {"storageLocation": "default", "snapshotVolumes": False, "ttl": lives}
    _, ended = velero.run(cluster, "Backup", spec, BACKUP_S, name=name)
    assert ended.get("phase") == velero.COMPLETED, ended


def status(client: Client, name: str) -> int:
    """Returns what the store says when it is asked for a backup: 200, or 404."""
    return client.status("velero", f"/velero/backups/{name}/velero-backup.json")


def exists(cluster: Cluster, name: str) -> bool:
    """Says whether Velero knows a backup."""
    argv = ("-n", "velero", "get", "backups.velero.io", name, "--ignore-not-found", "-o", "name")
    return bool(cluster.kubectl(*argv).strip())
