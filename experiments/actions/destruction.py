"""A database and its volumes are destroyed: first it is made sure that they can come back, then nothing is left."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually, pause
from experiments import guard, session
from experiments.actions.fault import inject, prove
from experiments.drivers import docker_nodes, repository, velero
from experiments.drivers.database import Database
from experiments.patches import essence

LOOK_S = 2.0
LOOKS_MIN = 10


@dataclass
class Loss:
    """What this process' one experiment destroys and gets back.

    Attributes:
        identifier: of the database; one that was made anew has another.
        backup: Velero's, of the objects.
        base: pgBackRest's, of the bytes.
        archive: whether the log was archived, its longest gap in seconds, and why in words.
        schedule: the tightest schedule of base backups, in seconds, and its words.
        entry: of the ledger.
        bytes_back: whether the database stands again, with its bytes.
        destroyed: since when nothing is left of it; 0 before.
    """

    database: Database
    identifier: str
    backup: velero.Backup
    base: repository.Backup
    archive: tuple[bool, float, str]
    schedule: tuple[float, str]
    entry: str = ""
    bytes_back: bool = False
    destroyed: float = 0.0

    @property
    def fault(self) -> str:
        """Its name in the record."""
        return f"volumes of {self.database.namespace}/{self.database.name} are destroyed"


_lost: list[Loss] = []


def loss() -> Loss:
    """Returns what is being destroyed; Problem when `know_the_way_back` was not called."""
    if not _lost:
        raise Problem("nobody made sure that the database can come back", fix="call know_the_way_back first")
    return _lost[-1]


def have_objects_backed_up(namespace: str, name: str, schedule: str, within_s: float) -> dict[str, Any]:
    """Makes a backup as a schedule would, if there is none yet or the newest is older than the version that runs.

    A young platform has none, and one that was rolled out since would come back as it was before.
    """
    cluster = session.current().cluster
    rolled_out = Database(cluster, namespace, name).rolled_out()
    with suppress(Problem):
        newest = velero.newest(cluster, namespace)
        if newest.begun > rolled_out:
            return {"backup": newest.name, "schedule": newest.schedule}
    guard.permit(cluster)
    return {"backup": velero.back_up(cluster, schedule, within_s), "schedule": schedule}


def destroyed() -> Loss:
    """Returns what was destroyed; Problem when it was not, or only by half: then only heal may touch it."""
    if not loss().destroyed:
        raise Problem(f"not so: {loss().fault}", fix="see the action that should have destroyed them")
    return loss()


def know_the_way_back(
    namespace: str, name: str, table: str, stanza: str, schedules: list[str], watch_s: float
) -> dict[str, Any]:
    """Reads what stands in the table, and how far apart recovery points are; refuses where there is no way back.

    Args:
        namespace: of the database.
        name: of its StatefulSet.
        table: whose rows must come back, as database.table.
        stanza: pgBackRest's name of the database.
        schedules: CronJobs that make base backups, as namespace/name.
        watch_s: how long the archive is watched; longer than archive_timeout, or a working one shows nothing. Once
            more as long if nothing was pushed yet: on a starved machine it is only late.

    Raises:
        Problem: there is no backup of the objects or of the bytes: nothing may be destroyed.
    """
    running = session.current()
    database = Database(running.cluster, namespace, name)
    backup, base = velero.newest(running.cluster, namespace), repository.newest(database, stanza)
    record_rows(database, "before", table)
    archive = _watch_archive(database, watch_s)
    schedule = repository.schedule_s(running.cluster, schedules)
    _lost.append(Loss(database, database.identifier(), backup, base, archive, schedule))
    return {"objects": backup.name, "bytes": base.label, "archive": archive[2], "schedule": schedule[1]}


def _watch_archive(database: Database, watch_s: float) -> tuple[bool, float, str]:
    first = repository.archiver(database)
    pause(watch_s)  # not "until it grew": then every destruction would follow a recovery point
    last = repository.archiver(database)
    with suppress(NotSo):  # a checkpoint may just have removed what tells how long the last push took
        last = eventually(
            lambda: repository.archiver(database),
            lambda now: (
                (now.archived > first.archived and now.push_s is not None) or repository.PROGRAM not in now.command
            ),
            within_s=watch_s,
            every_s=1,
            what="the archive to grow",
        )
    return last.gaps_s(first)


def destroy_volumes(within_s: float) -> dict[str, Any]:
    """Destroys the database: processes killed, bytes removed, pods, claims, volumes and Patroni's memory deleted.

    Proven by the API, which no longer knows the volumes, and by the nodes, where their directories are gone.
    """
    running, lost = session.current(), loss()
    database = lost.database
    volumes = database.volumes()
    if not volumes:
        raise Problem(f"{database.namespace}/{database.name} has no volume", fix="is it up?")
    undo = {
        "undo": "rebuild-database",
        "namespace": database.namespace,
        "name": database.name,
        "identifier": lost.identifier,
        "manifest": essence(database.manifest()),
    }

    def act() -> None:
        database.orphan()
        database.wipe()

    target = {"namespace": database.namespace, "volumes": [asdict(volume) for volume in volumes]}
    (lost.entry,) = inject(running, lost.fault, [undo], act, target)
    began = time.monotonic()
    guard.unchanged(running.cluster)
    database.discard(within_s)
    lost.destroyed = began
    left = database.volumes_left(volumes)
    prove(running, lost.fault, acted=not left, by="api", observed={"gone": [v.uid for v in volumes], "left": left})
    there = {f"{v.node}:{v.path}": docker_nodes.has(v.node, v.path) for v in volumes}
    phase("destroy", lost.destroyed)
    return prove(running, lost.fault, acted=not any(there.values()), by="node", observed=there)


def detect(caller: str, within_s: float) -> dict[str, Any]:
    """Waits until a caller is the proof of an outage: every answer that it got in the last seconds was an error."""
    running, lost = session.current(), destroyed()
    eventually(
        lambda: running.traffic.latest(caller, LOOK_S, time.monotonic()),
        lambda over: len(over) >= LOOKS_MIN and not any(over),
        within_s=within_s,
        every_s=0.5,
        what=f"caller {caller} to be refused",
    )
    return phase("detect", lost.destroyed, detail="looked for once the volumes were gone")


def phase(name: str, lo: float, outcome: str = "completed", detail: str = "") -> dict[str, Any]:
    """Records a phase that began at `lo` and is over now; returns it for the journal."""
    hi = time.monotonic()
    session.current().recorder.event("phase", name=name, lo=lo, hi=hi, outcome=outcome, detail=detail)
    return {"phase": name, "took_s": hi - lo, "outcome": outcome, "detail": detail}


def record_rows(database: Database, name: str, table: str) -> int:
    """Writes the rows that stand in a table into the case's folder; returns how many."""
    recorder, lo = session.current().recorder, time.monotonic()
    rows = database.rows(table)
    text = "".join(f"{row} {made:.3f}\n" for row, made in rows.items())
    recorder.write(f"{name}.rows", text)
    recorder.event("rows_read", rows=name, lo=lo, hi=time.monotonic(), count=len(rows))
    return len(rows)
