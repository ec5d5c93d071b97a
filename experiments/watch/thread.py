"""A thread that can be stopped and whose failure is told, not lost."""

from __future__ import annotations

import threading

from experiments.record import Recorder

JOIN_S = 15.0


class Watcher(threading.Thread):
    """Runs `watch` until `stopping` is set; an error in it becomes an event, and the record proves nothing."""

    def __init__(self, name: str, recorder: Recorder) -> None:
        super().__init__(name=name, daemon=True)
        self.recorder = recorder
        self.stopping = threading.Event()
        self.failed: str | None = None

    def watch(self) -> None:
        """Watches until `stopping`; overridden."""
        raise NotImplementedError

    def run(self) -> None:
        """Runs `watch` and tells how it ended."""
        try:
            self.watch()
        except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to
            if not self.stopping.is_set():
                self.failed = f"{type(error).__name__}: {error}"
                self.recorder.event("watcher.died", watcher=self.name, error=self.failed)

    def stop(self) -> None:
        """Ends the thread; returns when it is over, or says so when it is not."""
        self.stopping.set()
        if self.is_alive():
            self.join(JOIN_S)
        if self.is_alive():
            self.recorder.event("watcher.died", watcher=self.name, error=f"it did not stop within {JOIN_S:g} s")
