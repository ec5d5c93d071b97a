"""Faults that are felt by the whole pod: a share of a core burnt, memory held. They end with their fault."""

from __future__ import annotations

import hashlib
import threading
import time
from concurrent.futures import wait
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .faults import Active

SLICE_S = 0.1
BLOCK = bytes(
    1 << 18
)  # hashing more than 2 kB lets go of the interpreter, so the burning starves the core, not the server
MIB = 1 << 20


def start(active: Active) -> threading.Thread | None:
    """Starts what a cpu or memory fault asks for, in a thread of its own; other kinds need none."""
    work = {"cpu": _burn, "memory": _hold}.get(active.fault.kind)
    if work is None:
        return None
    thread = threading.Thread(target=work, args=(active,), name=f"fault-{active.fault.kind}", daemon=True)
    thread.start()
    return thread


def _burn(active: Active) -> None:
    """Burns `value` of a core: in each slice so much processor time of this thread, then rest."""
    share_s = SLICE_S * active.fault.value
    while not active.cleared.done() and time.monotonic() < active.until:
        slice_end, spent_s = time.monotonic() + SLICE_S, time.thread_time() + share_s
        while time.thread_time() < spent_s:
            hashlib.sha256(BLOCK).digest()
        wait([active.cleared], timeout=max(0.0, min(slice_end, active.until) - time.monotonic()))


def _hold(active: Active) -> None:
    """Holds `value` MiB; ones, because a page of zeros that nobody wrote takes no memory."""
    held = bytearray(b"\x01") * (int(active.fault.value) * MIB)
    wait([active.cleared], timeout=max(0.0, active.until - time.monotonic()))
    del held
