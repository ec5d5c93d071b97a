"""Steps of an experiment that a unit test runs in Chaos Toolkit."""

import os
import signal


def holds() -> bool:
    """Is a steady state."""
    return True


def fine() -> dict[str, int]:
    """Changes something."""
    return {"changed": 1}


def die() -> None:
    """Ends this process as the kernel would: nothing more is written."""
    os.kill(os.getpid(), signal.SIGKILL)
