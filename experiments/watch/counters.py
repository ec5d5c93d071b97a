"""Writes down, a poll at a time, what a proxy counts about an upstream or about itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.record import Recorder
from experiments.watch.proxy import ProxyWatcher

if TYPE_CHECKING:
    from deploy.cluster import Cluster

WANTED = r"[.][a-z0-9_]*: [0-9]"  # no line of an HTTP header looks like this
COUNT = re.compile(r"[.]([a-z0-9_]+):(\d+)")


@dataclass(frozen=True, slots=True)
class Poll:
    """One look at Envoy's statistics; times are seconds of the kernel's uptime, None when it did not answer."""

    before: float
    after: float
    counts: Mapping[str, int] | None


def parse(line: str) -> Poll:
    """Reads a line of inside/proxy.sh: each statistic by the last word of its name, of several upstreams the sum.

    Raises:
        ValueError: it is not one.
    """
    before, after, *rest = line.split()
    if after == "-":
        return Poll(float(before), float(before), None)
    counts: Counter[str] = Counter()
    for each in rest[0].split(",") if rest else []:
        if found := COUNT.search(each):
            counts[found[1]] += int(found[2])
    return Poll(float(before), float(after), dict(counts))


class CounterWatcher(ProxyWatcher):
    """Writes a `counts` event for every poll of one proxy.

    Attributes:
        first, last: what it counted at the first and at the last poll.
    """

    def __init__(
        self, recorder: Recorder, cluster: Cluster, client: str, caller: str, names: str, period_s: float
    ) -> None:
        """`caller` is who calls through the proxy, `names` a regular expression for Envoy's names of statistics."""
        super().__init__("counter watcher", recorder, cluster, client)
        self.caller, self.names, self.period_s = caller, names, period_s
        self.first: Mapping[str, int] = {}
        self.last: Mapping[str, int] = {}

    def watch(self) -> None:
        """Watches until stopped."""
        for line in self.lines(f"/stats?filter={self.names}", WANTED, "\r", self.period_s):
            poll = parse(line)
            if poll.counts is None:
                continue
            if self.polls == 0:
                self.first = poll.counts
            self.last = poll.counts
            self.polls += 1
            self.recorder.event(
                "counts",
                proxy=self.client,
                caller=self.caller,
                lo=poll.before - self.offset_s,
                hi=poll.after - self.offset_s,
                counts=dict(poll.counts),
            )

    def risen(self, name: str) -> int:
        """Returns by how much a counter has risen since the watch began."""
        return self.last.get(name, 0) - self.first.get(name, 0)
