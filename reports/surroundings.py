"""Events about what stands around an experiment: what the platform was asked, and whether it is what it was before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Collected:
    """What the platform was asked in [lo, hi]; the answers stand in a file of the case.

    Attributes:
        file: relative to the case.
        asked: how many questions.
        failed: why there is no answer, by question.
        empty: questions whose answer is empty, such as a query without series.
    """

    kind: Literal["collected"]
    t: float
    lo: float
    hi: float
    file: str
    asked: int
    failed: dict[str, str] = field(default_factory=dict)
    empty: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Baseline:
    """The cluster was compared with what it was before the experiment; what is not so again, in words."""

    kind: Literal["baseline"]
    t: float
    lo: float
    hi: float
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Weakening:
    """What of a negative control did not stand any more when the experiment ended: nothing, as it should be."""

    kind: Literal["weakening"]
    t: float
    undone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attainability:
    """What the settings, read before anything was disturbed, allow for a target.

    Attributes:
        attainable: None when that was not known.
        floor: the best figure that they allow; None when none follows from them, or never.
        bound_by: the object, field and value that decide.
        fix: the smallest change that would bring the target within reach.
    """

    kind: Literal["attainability"]
    t: float
    target: str
    attainable: bool | None
    limit: float
    unit: str
    relation: str
    floor: float | None = None
    bound_by: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class WatcherDied:
    """Who watched stopped before the experiment ended: what it did not see afterwards may have happened."""

    kind: Literal["watcher.died"]
    t: float
    watcher: str
    error: str = ""
