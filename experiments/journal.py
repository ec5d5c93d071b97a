"""Chaos Toolkit's journal as it grows: Chaos Toolkit itself writes it once, at the end, and a kill -9 leaves none."""

from __future__ import annotations

from typing import Any

from experiments.record import Recorder

FILE = "journal.json"


class Journal:
    """What was played so far, in the shape of Chaos Toolkit's journal, in the record after each step.

    Attributes:
        content: as it stands in the file; Chaos Toolkit's own, once it has given us that.
    """

    def __init__(self, recorder: Recorder, experiment: dict[str, Any]) -> None:
        self.recorder = recorder
        self.content: dict[str, Any] = {
            "experiment": experiment,
            "status": None,
            "steady_states": {"before": None, "after": None, "during": []},
            "run": [],
            "rollbacks": [],
        }
        self._phase: str | None = None
        self._write()

    def phase(self, name: str | None) -> None:
        """Says whose activities come next: run, rollbacks, or None for the steady state, which is told whole."""
        self._phase = name

    def activity(self, state: dict[str, Any]) -> None:
        """Adds an activity that was played."""
        if self._phase:
            self.content[self._phase].append(state)
            self._write()

    def steady_state(self, state: dict[str, Any] | None) -> None:
        """Adds a look at the steady state: the first is the one before the method."""
        looks = self.content["steady_states"]
        looks["before" if looks["before"] is None else "after"] = state
        self._write()

    def whole(self, content: dict[str, Any]) -> None:
        """Takes Chaos Toolkit's own, which is over."""
        self.content = content
        self._write()

    def _write(self) -> None:
        self.recorder.write(FILE, self.content)
