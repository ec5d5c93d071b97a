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
