"""What the whole machine does while nothing is tested: memory and processors in use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from deploy.waiting import pause


@dataclass(frozen=True, slots=True)
class Use:
    """Means over a while.

    Attributes:
        memory_gib: memory that is not available to a new program.
        cores: processors there.
        cores_busy: processors that worked, for whatever runs on this machine.
        cores_stolen: processors that the machine's own host took away; neither busy nor idle.
    """

    memory_gib: float
    cores: int
    cores_busy: float
    cores_stolen: float


def use(settle_s: float, look_s: float) -> Use:
    """Waits `settle_s`, looks for `look_s` and returns the means."""
    pause(settle_s)
    before = _ticks()
    pause(look_s)
    spent = {name: (ticks - before[name]) / os.sysconf("SC_CLK_TCK") / look_s for name, ticks in _ticks().items()}
    memory = memory_kib()
    used_gib = (memory["MemTotal"] - memory["MemAvailable"]) / 2**20
    busy = sum(spent[name] for name in ("user", "nice", "system", "irq", "softirq"))
    return Use(used_gib, os.cpu_count() or 1, busy, spent["steal"])


def memory_kib() -> dict[str, int]:
    """Returns /proc/meminfo: name -> KiB."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines}


def _ticks() -> dict[str, int]:
    """Returns what all processors together did, in ticks, since the machine started."""
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    return dict(zip(names, map(int, Path("/proc/stat").read_text().split()[1:9]), strict=True))
