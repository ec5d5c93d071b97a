"""Whether voluntary disruption stops where the promise says: not one pod later, and not one pod sooner."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from reports.events import Eviction, Ready
from reports.judge.registry import Broken, Inconclusive, Measurement, statistic
from reports.model import Interval, Target, TierParameters

if TYPE_CHECKING:
    from reports.record import CaseRecord

_ADMITTED, _REFUSED = 201, 429


@statistic(TierParameters)
def pods_kept_percent(record: CaseRecord, target: Target[TierParameters]) -> Measurement:
    """Lowest share of ready pods in any tier from its first eviction on, in percent of its replicas.

    Per tier the boundary must hold too: of n replicas, n minus (limit percent of n, rounded up) evictions one after
    the other are admitted (201) and the next is refused (429). One refused too soon breaks the promise as well: a
    budget tighter than agreed blocks every drain of a node.
    """
    tiers = target.parameters.tiers or tuple(sorted({event.tier for event in record.of(Eviction)}))
    if not tiers:
        raise Inconclusive("no pod was evicted")
    lowest: dict[str, float] = {}
    broken: list[Broken] = []
    for tier in tiers:
        evictions = tuple(event for event in record.of(Eviction) if event.tier == tier)
        readies = tuple(event for event in record.of(Ready) if event.tier == tier)
        desired, lowest[tier] = _lowest(tier, evictions, readies)
        broken += _boundary(tier, desired, target.limit, evictions, readies)
        _all_seen(tier, desired, evictions, readies)
    worst = min(lowest, key=lambda tier: lowest[tier])
    return Measurement(
        Interval(lowest[worst], lowest[worst]),
        ("events.ndjson",),
        detail=f"fewest ready pods in tier {worst}",
        extra={"kept_percent": {tier: round(value, 1) for tier, value in lowest.items()}},
        broken=tuple(broken),
        fix=f"guard tier {worst} with a PodDisruptionBudget of minAvailable: {target.limit:g}%",
    )


def _lowest(tier: str, evictions: tuple[Eviction, ...], readies: tuple[Ready, ...]) -> tuple[int, float]:
    """Replicas of the tier, and the lowest ready share in percent from the first eviction on."""
    if not evictions:
        raise Inconclusive(f"no pod of tier {tier} was evicted")
    first = evictions[0].t
    before = [event for event in readies if event.t <= first]
    if not before:
        raise Inconclusive(f"the pods of tier {tier} were not watched before the first eviction")
    start = before[-1]
    if start.desired <= 0 or start.ready < start.desired:
        raise Inconclusive(f"tier {tier} had {start.ready} of {start.desired} pods ready before the first eviction")
    after = [event for event in readies if event.t > first]
    if not after and any(event.status == _ADMITTED for event in evictions):
        raise Inconclusive(f"pods of tier {tier} were evicted and the watch saw no change: it was not alive")
    return start.desired, min(event.ready for event in (start, *after)) / start.desired * 100


def _all_seen(tier: str, desired: int, evictions: tuple[Eviction, ...], readies: tuple[Ready, ...]) -> None:
    """Every pod that was evicted was seen to go, one after the other, unless another came meanwhile."""
    gone, counts = 0, [event.ready for event in readies if event.t > evictions[0].t]
    for event in evictions:
        gone += event.status == _ADMITTED
        if event.status != _ADMITTED:
            break
    if any(later > earlier for earlier, later in pairwise(counts[:gone])):
        return
    if min(counts, default=desired) > desired - gone:
        raise Inconclusive(
            f"{gone} pods of tier {tier} were evicted in a row, and the watch saw {min(counts, default=desired)} of "
            f"{desired} ready at the least: it missed some"
        )


def _boundary(
    tier: str, desired: int, keep_percent: float, evictions: tuple[Eviction, ...], readies: tuple[Ready, ...]
) -> list[Broken]:
    allowed = desired - math.ceil(round(keep_percent * desired / 100, 9))
    tried = evictions[: allowed + 1]
    for position, event in enumerate(tried, start=1):
        wanted = _ADMITTED if position <= allowed else _REFUSED
        if event.status not in {_ADMITTED, _REFUSED}:
            raise Inconclusive(f"eviction {position} of tier {tier} answered {event.status}: {event.message}")
        if event.status == wanted:
            continue
        if wanted == _ADMITTED:
            return [_too_soon(tier, desired, position, event, readies)]
        _nobody_came_back(tier, tried, readies)
        return [_too_late(tier, desired, keep_percent, position)]
    if len(tried) <= allowed:
        raise Inconclusive(f"only {len(tried)} evictions of tier {tier} were tried: the one to be refused was not")
    return []


def _too_soon(tier: str, desired: int, position: int, event: Eviction, readies: tuple[Ready, ...]) -> Broken:
    """An eviction within the allowance was refused: rightly, if more pods were missing than had been evicted."""
    known = [ready.ready for ready in readies if ready.t <= event.t]
    if known[-1] < desired - (position - 1):
        raise Inconclusive(
            f"eviction {position} of tier {tier} was refused while only {known[-1]} of {desired} pods were ready"
        )
    return Broken(
        f"eviction {position} of {desired} pods in tier {tier} was refused although it is allowed: "
        "a drain of a node would hang",
        f"loosen the PodDisruptionBudget of tier {tier}, or look for a second one on the same pods",
    )


def _nobody_came_back(tier: str, tried: tuple[Eviction, ...], readies: tuple[Ready, ...]) -> None:
    """One more eviction than allowed is right once a replacement is ready, so the boundary was not tried."""
    meanwhile = [ready.ready for ready in readies if tried[0].t < ready.t <= tried[-1].t]
    if any(later > earlier for earlier, later in pairwise(meanwhile)):
        raise Inconclusive(
            f"a replacement in tier {tier} became ready between the evictions, so one more was rightly admitted",
            "evict without a pause between the calls",
        )


def _too_late(tier: str, desired: int, keep_percent: float, position: int) -> Broken:
    return Broken(
        f"eviction {position} of {desired} pods in tier {tier} was admitted",
        f"no PodDisruptionBudget guards {tier}, or it is too loose: "
        f"minAvailable: {keep_percent:g}% would refuse eviction {position}",
    )
