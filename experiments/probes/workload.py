"""Whether the tiers are whole, and how long it takes until they are."""

from __future__ import annotations

import time
from contextlib import suppress

from deploy.errors import Problem
from deploy.waiting import NotSo, consistently, eventually, pause
from experiments import session
from experiments.watch.ejection import EjectionWatcher


def hold(seconds: float) -> float:
    """Holds a fault for a while; returns how long it really was."""
    begin = time.monotonic()
    pause(seconds)
    return time.monotonic() - begin


def tiers_ready(within_s: float) -> bool:
    """Says whether every watched tier has all the ready pods it wants, waiting up to `within_s` for it."""
    running = session.current()
    return running.becomes(running.counts, lambda _: running.whole(), within_s=within_s, what="every tier to be whole")


def capacity_back(within_s: float, tail_s: float) -> dict[str, object]:
    """Holds a zone's fault until every tier is whole outside it, `within_s` at most, and `tail_s` more.

    The tail is what shows that the callers' last error was the last. Not reaching capacity is a finding that the
    judge reads from the record, not an error of the experiment.
    """
    running = session.current()
    begin = time.monotonic()
    whole = tiers_ready(within_s)
    after_s = time.monotonic() - begin
    pause(tail_s)
    running.still_watched()
    return {"whole": whole, "after_s": after_s, "ready": {tier: each.ready for tier, each in running.counts().items()}}


def ejected(within_s: float, tail_s: float) -> dict[str, object]:
    """Holds a fault until every watched client has ejected the replicas that have it, `within_s` at most, and a tail.

    The `tail_s` show that the callers' last error was the last. Who did not eject is a finding that the judge reads
    from the record, not an error of the experiment.

    Raises:
        Problem: nobody watches, or no replica has a fault.
    """
    running = session.current()
    begin = time.monotonic()
    faults = [entry.undo for entry in running.ledger.own() if "pods" in entry.undo]
    bad = {pod["name"] for undo in faults for pod in undo["pods"]}
    clients = [watcher for watcher in running.watchers if isinstance(watcher, EjectionWatcher)]
    if not bad or not clients:
        raise Problem("nothing can be ejected", fix="call watch_ejections and break_replicas first")

    def waiting() -> list[str]:
        return [client.client for client in clients if not bad <= client.flagged]

    with suppress(NotSo):
        eventually(waiting, lambda names: not names, within_s=within_s, what="every client to eject the bad replicas")
    after_s = time.monotonic() - begin
    pause(tail_s)
    running.still_watched()
    return {"bad": sorted(bad), "after_s": after_s, "not_by": waiting()}


def let_in_again(within_s: float, tail_s: float) -> dict[str, object]:
    """Waits until no watched client keeps anybody out, `within_s` at most, and `tail_s` more.

    The tail is for callers to be answered by who came back. Who is still out is a finding that the judge reads from the
    record, not an error of the experiment.

    Raises:
        Problem: nobody watches.
    """
    running = session.current()
    begin = time.monotonic()
    clients = [watcher for watcher in running.watchers if isinstance(watcher, EjectionWatcher)]
    if not clients:
        raise Problem("nobody sees who is let in again", fix="call watch_ejections first")

    def kept_out() -> list[str]:
        return sorted({name for client in clients for name in client.flagged})

    with suppress(NotSo):
        eventually(kept_out, lambda names: not names, within_s=within_s, every_s=1, what="everybody to be let in again")
    after_s = time.monotonic() - begin
    pause(tail_s)
    running.still_watched()
    return {"after_s": after_s, "out": kept_out()}


def stays_ready(for_s: float) -> bool:
    """Says whether every watched tier stays whole for a while."""
    running = session.current()
    try:
        consistently(
            running.counts,
            lambda _: running.whole(),
            for_s=for_s,
            what="every tier being whole",
        )
    except NotSo:
        return False
    return True
