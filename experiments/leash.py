"""Chaos Toolkit must not go on without its runner: it would inject after somebody healed.

The runner gives it a pipe as standard input, which the kernel closes when the runner is gone, by kill -9 too; the
child then tells itself to stop as the runner would have told it, and plays its rollbacks.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

LEASHED = "RESILIENCE_LEASHED"


def obey() -> None:
    """Makes this process stop when its standard input ends, if whoever started it says that it is leashed."""
    if os.environ.pop(LEASHED, ""):  # popped: what this process starts is not meant
        threading.Thread(target=_wait, name="leash", daemon=True).start()


def _wait() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
