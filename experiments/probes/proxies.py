"""What the callers' proxies have counted so far."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually, pause
from experiments import session
from experiments.watch.counters import CounterWatcher


def all_met(count: str, within_s: float, tail_s: float) -> dict[str, object]:
    """Holds a fault until a counter has risen in the proxies of every caller, `within_s` at most, and a tail.

    Who has not met the fault is a finding that the judge reads from the record, not an error of the experiment.

    Raises:
        Problem: nobody watches.
    """
    running = session.current()
    begin = time.monotonic()
    watchers = [watcher for watcher in running.watchers if isinstance(watcher, CounterWatcher)]
    if not watchers:
        raise Problem("nobody counts", fix="call watch_counters first")

    def risen() -> dict[str, int]:
        sums = Counter({watcher.caller: 0 for watcher in watchers})
        for watcher in watchers:
            sums[watcher.caller] += watcher.risen(count)
        return dict(sums)

    with suppress(NotSo):
        eventually(risen, lambda sums: all(sums.values()), within_s=within_s, what=f"{count} to rise for every caller")
    after_s = time.monotonic() - begin
    pause(tail_s)
    running.still_watched()
    return {"risen": risen(), "after_s": after_s}
