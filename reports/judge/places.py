"""Where a tier's replicas stood while answers were counted, and that nothing about them changed meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.events import Ejection, Ready
from reports.judge.answers import caller_named, told
from reports.judge.registry import Inconclusive
from reports.replicas import Places

if TYPE_CHECKING:
    from reports.record import CaseRecord, Sample

_AGAIN = "run it again, with nothing else on the platform"


@dataclass(frozen=True, slots=True)
class Stay:
    """A tier's replicas in [lo, hi], in which none came, went, was unready or kept out by a watched client.

    Attributes:
        zones: of each replica, by its name.
        clients: proxies that were watched.
    """

    zones: Mapping[str, str]
    clients: frozenset[str]
    lo: float
    hi: float

    def size(self, zone: str) -> int:
        """How many replicas stand in a zone."""
        return Counter(self.zones.values())[zone]

    def require_watched(self, record: CaseRecord, caller: str) -> None:
        """Raises Inconclusive if whom a caller's proxy ejects was not watched."""
        if not any(f"-{zone_of(record, caller)}-" in client for client in self.clients):
            raise Inconclusive(f"nobody watched the proxy of caller {caller}", "name it in watch_ejections")

    def answers(self, record: CaseRecord, caller: str) -> list[tuple[Sample, str]]:
        """A caller's answers of that time, each with the zone of the replica that gave it.

        Raises:
            Inconclusive: its proxy was not watched, or a replica answered that was not there.
        """
        self.require_watched(record, caller)
        found = [sample for sample in told(record, caller) if sample.sent >= self.lo and sample.done <= self.hi]
        if strangers := sorted({str(sample.answer) for sample in found} - set(self.zones)):
            raise Inconclusive(f"{strangers[0]} answered caller {caller}, and where it stands is not known", _AGAIN)
        return [(sample, self.zones[str(sample.answer)]) for sample in found]


def zone_of(record: CaseRecord, caller: str) -> str:
    """The zone that a caller calls from."""
    return str(caller_named(record, caller).zone)


def stay(record: CaseRecord, tier: str) -> Stay:
    """What was seen of a tier's replicas at the beginning and at the end of the counting.

    Raises:
        Inconclusive: it was not looked at twice, or something changed meanwhile, or was not as it should be.
    """
    looks = [look for look in record.of(Places) if look.tier == tier]
    if len(looks) < 2:
        raise Inconclusive(f"where the replicas of {tier} stood was not seen before and after", "see chaos.log")
    first, last = looks[0], looks[-1]
    if troubles := [*_changes(looks), *_outages(record, first, last)]:
        raise Inconclusive(f"{troubles[0]}: the shares are other ones then", _AGAIN)
    return Stay(first.zones, frozenset.intersection(*(frozenset(look.out) for look in looks)), first.t, last.t)


def _changes(looks: Sequence[Places]) -> Iterable[str]:
    for look in looks:
        if look.zones != looks[0].zones:
            names = sorted(set(look.zones.items()) ^ set(looks[0].zones.items()))
            yield f"replica {names[0][0]} came or went"
        yield from (f"{client} keeps {', '.join(pods)} out" for client, pods in look.out.items() if pods)


def _outages(record: CaseRecord, first: Places, last: Places) -> Iterable[str]:
    for ejection in record.of(Ejection):
        if ejection.host in first.zones and ejection.lo <= last.t and ejection.hi >= first.t:
            yield f"{ejection.client} ejected {ejection.host}"
    for ready in record.of(Ready):
        if ready.tier == first.tier and first.t <= ready.t <= last.t and ready.ready < ready.desired:
            yield f"{ready.ready} of {ready.desired} replicas of {ready.tier} were ready"
