"""What the whole machine does while nothing is tested: memory in use, processors idle."""

from __future__ import annotations

import os
from pathlib import Path

from deploy.waiting import pause


def idle(settle_s: float, look_s: float) -> tuple[float, float, int]:
    """Looks for a while and returns (GiB in use, processors idle, processors there).

    Args:
        settle_s: waited before.
        look_s: over which the mean is taken. A processor that the host takes away (steal) is not idle.
    """
    pause(settle_s)
    before = _ticks_idle()
    pause(look_s)
    idle_cores = (_ticks_idle() - before) / os.sysconf("SC_CLK_TCK") / look_s
    memory = memory_kib()
    return (memory["MemTotal"] - memory["MemAvailable"]) / 2**20, idle_cores, os.cpu_count() or 1


def memory_kib() -> dict[str, int]:
    """Returns /proc/meminfo: name -> KiB."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines}


def _ticks_idle() -> int:
    """Ticks in which a processor had nothing to do, waiting for disks included, all processors together."""
    _, _user, _nice, _system, idle_ticks, waiting, *_ = Path("/proc/stat").read_text().splitlines()[0].split()
    return int(idle_ticks) + int(waiting)
