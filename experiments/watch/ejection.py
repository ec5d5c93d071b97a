"""Sees when each client's proxy ejects a host and lets it in again, from Envoy's own flag.

The ejection lies between the start of the last poll without the flag and the end of the first poll with it; its end
between the start of the last poll with the flag and the end of the first poll without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.record import Recorder
from experiments.watch.proxy import ProxyWatcher

if TYPE_CHECKING:
    from deploy.cluster import Cluster

PERIOD_S = 1.0


@dataclass(frozen=True, slots=True)
class Poll:
    """One look at Envoy's clusters; times are seconds of the kernel's uptime.

    Attributes:
        before: when the poll began.
        after: when its answer was there.
        hosts: addresses (ip:port) with the flag; None when the admin port did not answer.
    """

    before: float
    after: float
    hosts: frozenset[str] | None


def parse(line: str) -> Poll:
    """Reads a line of inside/proxy.sh.

    Raises:
        ValueError: it is not one.
    """
    before, after, *rest = line.split()
    if after == "-":
        return Poll(float(before), float(before), None)
    entries = rest[0].split(",") if rest else []
    return Poll(float(before), float(after), frozenset(entry.rpartition("::")[2] for entry in entries))


BEGAN, ENDED = "ejection", "ejection.ended"


def ejections(polls: Iterator[Poll]) -> Iterator[tuple[str, str, float, float]]:
    """Yields (BEGAN or ENDED, host, lo, hi) for each host whose flag comes, or goes, from one poll to the next.

    A flag that stands at the first answer is older than the watch: it is not this fault's, and only its end is told.
    """
    asked: float | None = None
    flagged: frozenset[str] = frozenset()
    for poll in polls:
        if poll.hosts is None:
            continue
        if asked is not None:
            for host in sorted(poll.hosts - flagged):
                yield BEGAN, host, asked, poll.after
            for host in sorted(flagged - poll.hosts):
                yield ENDED, host, asked, poll.after
        flagged, asked = poll.hosts, poll.before


class EjectionWatcher(ProxyWatcher):
    """Watches one client's proxy and writes the events of a service's hosts."""

    def __init__(
        self, recorder: Recorder, cluster: Cluster, client: str, service: str, hosts: Mapping[str, str]
    ) -> None:
        """`client` is "<namespace>/<pod>", `service` whom it calls ("app.shop.svc…"), `hosts` pod names by ip."""
        super().__init__("ejection watcher", recorder, cluster, client)
        self.service, self.hosts = service, hosts
        self.flagged: frozenset[str] = frozenset()  # pods that this client keeps out at the moment

    def watch(self) -> None:
        """Watches until stopped."""
        for kind, host, lo, hi in ejections(self._polls()):
            when = {"lo": lo - self.offset_s, "hi": hi - self.offset_s}
            self.recorder.event(kind, client=self.client, host=self._pod(host), **when)

    def _pod(self, host: str) -> str:
        """The pod's name; the address of one that came later, for its ejection counts as well."""
        address = host.rpartition(":")[0]
        return self.hosts.get(address, address)

    def _polls(self) -> Iterator[Poll]:
        flagged = f"^outbound|[0-9]*|[^|]*|{self.service}::.*failed_outlier_check"  # grep's, where | is no alternative
        for line in self.lines(f"/clusters?filter={self.service}", flagged, "::health_flags", PERIOD_S):
            poll = parse(line)
            if poll.hosts is not None:
                self.polls += 1
                self.flagged = frozenset(self._pod(host) for host in poll.hosts)
            yield poll
