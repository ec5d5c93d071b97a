"""Which replica the proxies choose: of which zone, in which turn, and whether a slow one less often."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from reports.judge.answers import caller_named, files_of
from reports.judge.binomial import share_percent
from reports.judge.faults import fault_windows, hosts_of
from reports.judge.places import Stay, stay, zone_of
from reports.judge.registry import Broken, Inconclusive, Measurement, statistic
from reports.judge.shares import ShareParameters, Words, judged, shown
from reports.model import Interval, SampledParameters, Target
from reports.replicas import Served

if TYPE_CHECKING:
    from reports.record import CaseRecord

# What replicas counted beyond what callers sent: calls that a proxy tried again.
AGAIN_MAX = 1.05


class ZoneParameters(ShareParameters):
    """Of local_percent.

    Attributes:
        tier: whose replicas answer.
    """

    tier: str = Field(min_length=1)


class ReplicaParameters(SampledParameters):
    """Of in_turn_percent and slow_share_percent.

    Attributes:
        tier: whose replicas answer.
        false_alarm: how often a system that keeps its promise may fail by chance alone.
    """

    tier: str = Field(min_length=1)
    false_alarm: float = Field(default=0.001, gt=0, lt=0.5)


@statistic(ZoneParameters)
def local_percent(record: CaseRecord, target: Target[ZoneParameters]) -> Measurement:
    """Share of the answers that a replica of the caller's own zone gave, with its exact confidence interval.

    The promise must hold in each zone alone, and each zone's requests must be enough to tell it.
    """
    parameters = target.parameters
    replicas = stay(record, parameters.tier)
    counts = {}
    for name in parameters.callers:
        here = zone_of(record, name)
        zones = [zone for _, zone in replicas.answers(record, name)]
        counts[here] = (zones.count(here), len(zones))
    fix = f"localityLbSetting.distribute of the DestinationRule: {target.limit:g} to each zone's own replicas"
    words = Words("the proxy of {} kept {} in its zone", "stayed", fix)
    return judged(target, counts, words, files_of(parameters.callers), each_told=True)


@statistic(ReplicaParameters)
def in_turn_percent(record: CaseRecord, target: Target[ReplicaParameters]) -> Measurement:
    """Share of a proxy's calls that reached the replica whose turn it was, with its exact confidence interval.

    Of n replicas of a zone that are called in turn, none is called again before the n - 1 others: each proxy has a turn
    for each zone. Picks at random give each replica the same share and would pass a test of shares; in turn they are
    with a chance of ((n - 1) / n) ^ (n - 1). Each replica must have its share besides.
    """
    parameters = target.parameters
    replicas = stay(record, parameters.tier)
    called = {name: _by_zone(record, replicas, name, parameters.samples_min) for name in parameters.callers}
    counts = {name: _in_turn(zones, replicas) for name, zones in called.items()}
    hits, n = (sum(pair[k] for pair in counts.values()) for k in (0, 1))
    apart = parameters.false_alarm / len(counts)
    late = [name for name, count in counts.items() if share_percent(*count, apart).hi < target.limit]
    reasons = [f"of the calls of {name} {shown(*counts[name])} were in turn" for name in late]
    reasons += _uneven(called, replicas, parameters.false_alarm)
    fix = f"loadBalancer.simple: ROUND_ROBIN in the DestinationRule of {parameters.tier}"
    return Measurement(
        share_percent(hits, n, parameters.false_alarm),
        files_of(parameters.callers),
        detail=f"{hits} of {n} calls reached the replica whose turn it was",
        extra={"in_turn": {name: shown(*count) for name, count in counts.items()}},
        broken=tuple(Broken(reason, fix) for reason in reasons),
        fix=fix,
    )


def _by_zone(record: CaseRecord, replicas: Stay, name: str, samples_min: int) -> dict[str, list[str]]:
    """The replicas that answered a caller, in their order, by their zone.

    Raises:
        Inconclusive: there are too few of its own zone.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for sample, zone in replicas.answers(record, name):
        found[zone].append(str(sample.answer))
    if (local := len(found[zone_of(record, name)])) < samples_min:
        raise Inconclusive(
            f"only {local} answers to caller {name} from its own zone, {samples_min} are needed", "a longer load"
        )
    return found


def _in_turn(called: Mapping[str, Sequence[str]], replicas: Stay) -> tuple[int, int]:
    """Of a caller's answers, how many of how many came from a replica that none of the last n - 1 came from."""
    hits = n = 0
    for zone, pods in called.items():
        others = replicas.size(zone) - 1
        turns = [pods[i] not in pods[i - others : i] for i in range(others, len(pods))]
        hits, n = hits + sum(turns), n + len(turns)
    return hits, n


def _uneven(called: Mapping[str, Mapping[str, Sequence[str]]], replicas: Stay, false_alarm: float) -> Iterator[str]:
    """Replicas that did not get their share of a caller's calls to their zone; all tests together alarm so often."""
    tests = [
        (name, zone, pod, pods)
        for name, zones in called.items()
        for zone, pods in zones.items()
        for pod, its_zone in replicas.zones.items()
        if its_zone == zone
    ]
    for name, zone, pod, pods in tests:
        k, n, fair = pods.count(pod), len(pods), 100 / replicas.size(zone)
        if not share_percent(k, n, false_alarm / len(tests)).holds(fair):
            yield f"{pod} got {shown(k, n)} of the calls of {name} to {zone}, and {fair:.1f} % is fair"


@statistic(ReplicaParameters)
def slow_share_percent(record: CaseRecord, target: Target[ReplicaParameters]) -> Measurement:
    """What a slow replica got of its fair share: what it has in common with the other replicas of its zone, evenly.

    With its exact confidence interval. What replicas counted must be what the callers sent: nobody else's calls count.
    """
    parameters = target.parameters
    window = fault_windows(record)[0]
    replicas, slow = stay(record, parameters.tier), min(hosts_of(window))
    for name in parameters.callers:
        replicas.require_watched(record, name)
    looks = [look for look in record.of(Served) if look.tier == parameters.tier]
    inside = [look for look in looks if window.started.hi <= look.lo and look.hi <= window.ended.lo]
    if len(inside) < 2:
        raise Inconclusive(f"what {parameters.tier} served was not asked twice during {window.fault}", "see chaos.log")
    served = _between(inside[0], inside[-1])
    _accounted(record, parameters, sum(served.values()), inside)
    if slow not in replicas.zones or not served.keys() <= replicas.zones.keys():
        raise Inconclusive("a replica counted that was not there all the time", "run it again")
    peers = [pod for pod in served if replicas.zones[pod] == replicas.zones[slow]]
    k, n = served[slow], sum(served[pod] for pod in peers)
    if n < parameters.samples_min:
        raise Inconclusive(
            f"only {n} calls to the zone of {slow}, {parameters.samples_min} are needed", "a longer load"
        )
    share = share_percent(k, n, parameters.false_alarm)
    scale = len(peers)
    return Measurement(
        Interval(share.lo * scale, share.hi * scale, at=100 * k * scale / n),
        files_of(parameters.callers),
        detail=f"{slow} got {shown(k, n)} of what {scale} replicas of its zone got",
        extra={"served": served},
        fix=f"loadBalancer.simple: LEAST_REQUEST in the DestinationRule of {parameters.tier}",
    )


def _between(first: Served, last: Served) -> dict[str, int]:
    """What each replica served between two looks.

    Raises:
        Inconclusive: one began to count anew.
    """
    if first.counts.keys() != last.counts.keys() or any(last.counts[pod] < n for pod, n in first.counts.items()):
        raise Inconclusive("a replica came, went or began anew while its requests were counted", "run it again")
    return {pod: last.counts[pod] - n for pod, n in first.counts.items()}


def _accounted(record: CaseRecord, parameters: ReplicaParameters, served: int, looks: Sequence[Served]) -> None:
    """Compares what replicas counted with what callers sent.

    Raises:
        Inconclusive: they counted fewer, or many more.
    """
    first, last = looks[0], looks[-1]
    samples = [sample for name in parameters.callers for sample in caller_named(record, name).samples]
    surely = sum(200 <= s.status < 300 and s.sent >= first.hi and s.done <= last.lo for s in samples)
    perhaps = sum(s.sent <= last.hi and s.done >= first.lo for s in samples)
    if not surely <= served <= AGAIN_MAX * perhaps:
        raise Inconclusive(
            f"the replicas counted {served} requests, the callers made {surely} to {perhaps} of them",
            "let nobody else call them",
        )
