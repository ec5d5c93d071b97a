"""The way back: objects from Velero, bytes from pgBackRest, and what callers and the table say about it.

A restore that fails is a finding that the judge reads from the record, not an error of the experiment: each step says
how it ended and the next one goes on, so that the platform is whole again at the end in any case.
"""

from __future__ import annotations

import time
from typing import Any

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually
from experiments import guard, restore, session
from experiments.actions.destruction import LOOKS_MIN, destroyed, phase, record_rows
from experiments.actions.fault import ended
from experiments.drivers import repository, velero

# StatefulSet and claims; the volumes so that Velero knows that they were dynamic and lets new ones be made. Not
# Patroni's Endpoints, which would name a leader that is gone, and not the pods, which are the StatefulSet's business.
KINDS = ("statefulsets", "persistentvolumeclaims", "persistentvolumes")
# How pgBackRest and our bootstrap say that they cannot.
REFUSED = ("ERROR: [", "bootstrap: the repository does not say")


def restore_objects(within_s: float) -> dict[str, Any]:
    """Restores the database's objects from Velero's newest backup."""
    lost, lo = destroyed(), time.monotonic()
    database = lost.database
    spec = {
        "includedNamespaces": [database.namespace],
        "includedResources": list(KINDS),
        "labelSelector": {"matchLabels": {"app": database.name}},
    }
    guard.permit(session.current().cluster)
    restored = velero.restore(session.current().cluster, lost.backup, spec, within_s)
    outcome = "completed" if restored.phase == velero.COMPLETED else "failed"
    detail = f"{restored.phase}: {restored.detail}, from {lost.backup.name}"
    return phase("restore objects", lo, outcome, detail)


def await_bytes(within_s: float, refused_s: float) -> dict[str, Any]:
    """Waits until the database answers with its own identity and takes writes: Patroni restores the bytes by itself.

    Args:
        within_s: how long it may take, in seconds.
        refused_s: after so long a member's own word that it cannot be restored is believed, in seconds.
    """
    lost, lo = destroyed(), time.monotonic()
    database = lost.database

    def found_or_refused() -> tuple[str, str]:
        try:
            return database.identifier(), ""
        except Problem:
            refused = database.said(REFUSED) if time.monotonic() - lo > refused_s else ""
            if not refused:
                raise
            return "", refused

    try:
        found, refused = eventually(
            found_or_refused, any, within_s=within_s, every_s=1, what="the database to stand again", converge=2
        )
    except NotSo:
        found, refused = "", database.said(REFUSED)
    if not found:
        return phase("restore bytes", lo, "failed" if refused else "unfinished", refused[:300] or "nobody leads")
    if found != lost.identifier:
        return phase("restore bytes", lo, "failed", f"another database was made: {found} and not {lost.identifier}")
    lost.bytes_back = True
    stop, end = lost.base.stop, repository.branched(database)
    _record_points(log_used=end > stop)
    return phase("restore bytes", lo, detail=f"{lost.base.label} and {max(0, end - stop)} bytes of log after it")


def await_orders(caller: str, within_s: float, clean_s: float) -> dict[str, Any]:
    """Waits until a caller's writes are acknowledged again, all of them for `clean_s`: the next error may come late."""
    running, lo = session.current(), time.monotonic()
    if not destroyed().bytes_back:
        return phase("serve", lo, "unfinished", "the database does not stand")
    try:
        eventually(
            lambda: running.traffic.latest(caller, clean_s, time.monotonic()),
            lambda over: len(over) >= LOOKS_MIN and all(over),
            within_s=within_s,
            every_s=0.5,
            what=f"caller {caller} to be answered",
        )
    except NotSo:
        return phase("serve", lo, "unfinished", f"caller {caller} still sees errors")
    return phase("serve", lo)


def verify_rows(table: str, within_s: float) -> dict[str, Any]:
    """Reads the restored rows for the judge, and so ends what callers are listened to for."""
    running, lost, lo = session.current(), destroyed(), time.monotonic()
    told = phase("verify", lo, "unfinished", "the database does not stand") if not lost.bytes_back else None
    if told is None:
        count = eventually(
            lambda: record_rows(lost.database, "restored", table),
            lambda _: True,
            within_s=within_s,
            every_s=1,
            what=f"the rows of {table} to be read",
        )
        told = phase("verify", lo, detail=f"{count} rows")
    ended(running, lost.fault, time.monotonic())
    return told


def await_members(within_s: float) -> dict[str, Any]:
    """Waits until every member is ready and streams, and makes the objects be what they were: it is over then."""
    running, lost, lo = session.current(), destroyed(), time.monotonic()
    if not lost.bytes_back:
        return phase("redundancy", lo, "unfinished", "the database does not stand; heal rebuilds it")
    guard.unchanged(running.cluster)
    for entry in running.ledger.open():
        if entry.id == lost.entry:  # a restored object carries Velero's labels
            restore.restore_object(running.cluster, entry.undo)
    watcher = running.ready[lost.database.namespace]
    wanted = watcher.desired[lost.database.name]
    eventually(
        lambda: (watcher.counts()[lost.database.name].ready, lost.database.behind()),
        lambda seen: seen[0] >= wanted and not seen[1],
        within_s=within_s,
        every_s=1,
        what="every member to be ready and to stream",
    )
    running.ledger.done(lost.entry)
    running.still_watched()
    return phase("redundancy", lo)


def _record_points(*, log_used: bool) -> None:
    """Records what the restore relied on: the archive if it was seen to work until the end, else the backups."""
    lost, recorder = destroyed(), session.current().recorder
    works, gap_s, words = lost.archive
    recorder.event("recovery_point", source="log archive", works=works, used=log_used, interval_s=gap_s, detail=words)
    spacing_s, schedule = lost.schedule
    detail = f"{schedule}, a backup takes {lost.base.took_s:.0f} s"
    recorder.event(
        "recovery_point",
        source="base backup",
        works=True,
        used=True,
        interval_s=spacing_s + lost.base.took_s,
        detail=detail,
    )
