"""Which replica the proxies choose: of which zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from reports.judge.answers import files_of
from reports.judge.places import stay, zone_of
from reports.judge.registry import Measurement, statistic
from reports.judge.shares import ShareParameters, Words, judged
from reports.model import Target

if TYPE_CHECKING:
    from reports.record import CaseRecord


class ZoneParameters(ShareParameters):
    """Of local_percent.

    Attributes:
        tier: whose replicas answer.
    """

    tier: str = Field(min_length=1)


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
