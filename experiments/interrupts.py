"""Ctrl-C and SIGTERM during an experiment: heard once, at any moment, and never while things are being put back."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_WISH_S = 2.0  # a second signal so soon would hit what the first one set off, and says nothing new


class Interrupts:
    """What was heard.

    Attributes:
        winding_up: signals are noted but raise nothing any more.
        heard: one was.
    """

    def __init__(self) -> None:
        self.winding_up, self.heard, self._last = False, False, float("-inf")

    def hear(self, _number: int, _frame: FrameType | None) -> None:
        """Raises KeyboardInterrupt, once for each wish."""
        again = time.monotonic() - self._last < SAME_WISH_S
        self._last, self.heard = time.monotonic(), True
        if not self.winding_up and not again:
            raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Makes every signal a KeyboardInterrupt in the block; also one that some library swallowed, at its end.

    Outside the main thread signals are somebody else's business.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    heeded = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # nohup, "&" in a script
    before = {number: signal.signal(number, interrupts.hear) for number in heeded}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupts.heard:
        raise KeyboardInterrupt
