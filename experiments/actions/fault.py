"""The order in which every fault is injected: permitted, intended, injected, confirmed, proven."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from experiments import guard
from experiments.ledger import Undo
from experiments.session import Session


def inject(
    session: Session, fault: str, undos: list[Undo], act: Callable[[], object], target: Mapping[str, Any]
) -> list[str]:
    """Injects a fault: its undos are on disk before `act` is called.

    Returns:
        The ids of the ledger's entries, in the order of `undos`.
    """
    guard.permit(session.cluster)
    entries = [session.ledger.intend(fault, undo) for undo in undos]
    # Whole objects, Secrets among them, are the ledger's business: it is no record.
    told = [{key: value for key, value in undo.items() if key != "manifest"} for undo in undos]
    session.recorder.event("fault.intent", fault=fault, undo=told)
    lo = time.monotonic()
    act()
    session.recorder.event("fault.started", fault=fault, lo=lo, hi=time.monotonic(), target=dict(target))
    return [entry.id for entry in entries]


def prove(session: Session, fault: str, *, acted: bool, by: str, observed: Mapping[str, Any]) -> dict[str, Any]:
    """Records an independent observation of whether the fault acted, and returns it for the journal."""
    proof = {"fault": fault, "acted": acted, "by": by, "observed": dict(observed)}
    session.recorder.event("fault.proof", **proof)
    return proof


def ended(session: Session, fault: str, lo: float) -> None:
    """Records that a fault is gone: it ended between `lo` and now."""
    session.recorder.event("fault.ended", fault=fault, lo=lo, hi=time.monotonic())
