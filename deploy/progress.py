"""What the user sees while things take their time: one live line each on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

console = Console(stderr=True, highlight=False, markup=False)  # a state may hold brackets


class Progress:
    """One line per name with its latest state and the seconds it has taken.

    On a terminal the lines are redrawn in place. Elsewhere (CI) each change of state is one plain line.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begin: dict[str, float] = {}
        self._state: dict[str, tuple[str, float | None]] = {}
        self.live: Live | None = None

    def say(self, name: str, state: str, *, done: bool = False) -> None:
        """Sets the state of one line; `done` stops its clock."""
        with self._lock:
            now = time.monotonic()
            begin = self._begin.setdefault(name, now)
            before = self._state.get(name, ("", None))[0]
            self._state[name] = (state, now - begin if done else None)
            if self.live is None and state != before:
                took = f" ({now - begin:.1f} s)" if done else ""
                console.print(f"{time.strftime('%H:%M:%S')}  {name:<18} {state}{took}", soft_wrap=True)

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2))
        now = time.monotonic()
        with self._lock:
            for name, (state, took) in self._state.items():
                mark = Text("✓", "green") if took is not None else Text("…", "yellow")
                seconds = took if took is not None else now - self._begin[name]
                table.add_row(mark, name, f"{seconds:5.1f} s", state)
        return table


@contextmanager
def shown() -> Iterator[Progress]:
    """Gives a Progress that is drawn live while the block runs, if this is a terminal."""
    progress = Progress()
    if not console.is_terminal:
        yield progress
        return
    with Live(progress, console=console, refresh_per_second=4) as live:
        progress.live = live
        yield progress
