"""What is recorded of a tier's replicas while they are called: where they stand, and what they count themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Places:
    """Where the ready replicas of a tier stood at t, by name, and whom each client's proxy kept out then."""

    kind: Literal["places"]
    t: float
    tier: str
    namespace: str
    zones: dict[str, str]
    out: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Served:
    """How many requests each replica of a tier had served, by its own count, when it was asked in [lo, hi]."""

    kind: Literal["served"]
    t: float
    tier: str
    namespace: str
    counts: dict[str, int]
    lo: float
    hi: float
