"""The order in which every fault is injected: permitted, intended, injected, confirmed, proven."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments import guard, undo
from experiments.ledger import Undo
from experiments.session import Session


def inject(
    session: Session,
    fault: str,
    undos: Sequence[Undo],
    act: Callable[[], object],
    target: Mapping[str, Any],
    *,
    arm: Callable[[list[str]], object] = lambda _: None,
) -> list[str]:
    """Injects a fault: its undos are on disk before `act` is called.

    Args:
        session: the experiment.
        fault: its name in record and ledger.
        undos: how it is undone.
        act: injects it.
        target: what it hits, for the record.
        arm: gets the ids of the ledger's entries, and makes sure that they are undone even if we are killed.

    Returns:
        The ids of the ledger's entries, in the order of `undos`.
    """
    guard.permit(session.cluster)
    undo.require_rights(session.cluster, undos)
    ids = [session.ledger.intend(fault, each).id for each in undos]
    # Whole objects, Secrets among them, are the ledger's business: it is no record.
    told = [{key: value for key, value in each.items() if key != "manifest"} for each in undos]
    session.recorder.event("fault.intent", fault=fault, undo=told)
    arm(ids)
    lo = time.monotonic()
    act()
    session.recorder.event("fault.started", fault=fault, lo=lo, hi=time.monotonic(), target=dict(target))
    return ids


def prove(session: Session, fault: str, *, acted: bool, by: str, observed: Mapping[str, Any]) -> dict[str, Any]:
    """Records an independent observation of whether the fault acted, and returns it for the journal."""
    proof = {"fault": fault, "acted": acted, "by": by, "observed": dict(observed)}
    session.recorder.event("fault.proof", **proof)
    return proof


def ended(session: Session, fault: str, lo: float) -> None:
    """Records that a fault is gone: it ended between `lo` and now."""
    session.recorder.event("fault.ended", fault=fault, lo=lo, hi=time.monotonic())
