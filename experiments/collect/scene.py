"""What a case is about, as far as a collector needs to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.record import Recorder

if TYPE_CHECKING:
    from deploy.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Scene:
    """One case.

    Attributes:
        cluster: where it runs.
        recorder: of the case.
        area: of its experiment, such as mesh.
        watch: tiers that its document watches, by namespace.
        zones: that have a caller of it.
        begun: wall clock, seconds.
    """

    cluster: Cluster
    recorder: Recorder
    area: str
    watch: Mapping[str, Sequence[str]]
    zones: Sequence[str]
    begun: float
