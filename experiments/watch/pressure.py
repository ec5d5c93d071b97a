"""Samples the machine's CPU pressure: a starved machine proves nothing about latency."""

from __future__ import annotations

from pathlib import Path

from experiments.watch.thread import Watcher

PRESSURE = Path("/proc/pressure/cpu")
PERIOD_S = 1.0


def parse(text: str) -> dict[str, float]:
    """Reads the "some" line of /proc/pressure/cpu: percent over 10 s, and the running total in microseconds."""
    some = next(line for line in text.splitlines() if line.startswith("some "))
    fields = dict(word.split("=", 1) for word in some.split()[1:])
    return {"cpu_some_avg10": float(fields["avg10"]), "cpu_some_total_us": float(fields["total"])}


class PressureSampler(Watcher):
    """Writes a `pressure` event each second; a kernel without PSI gets one note instead."""

    def watch(self) -> None:
        """Samples until stopped."""
        if not PRESSURE.exists():
            self.recorder.note(
                "this kernel keeps no pressure figures (/proc/pressure): a starved machine cannot be told"
            )
            return
        while not self.stopping.wait(PERIOD_S):
            self.recorder.event("pressure", **parse(PRESSURE.read_text()))
