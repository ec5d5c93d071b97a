"""Events about the mesh: who was let through, and what is known of its proxies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Access:
    """Who called what in [lo, hi], several times: how often it was let through, refused, or told neither.

    Attributes:
        target: what was called, such as a workload's port.
        detail: of the first answer that was not expected.
    """

    kind: Literal["access"]
    t: float
    lo: float
    hi: float
    caller: str
    call: str
    target: str
    expected: Literal["allowed", "refused"]
    allowed: int
    refused: int
    unanswered: int
    detail: str = ""

    @property
    def name(self) -> str:
        """The attempt's name as `coverage` writes it."""
        return f"{self.caller} {self.call} {self.target}"


@dataclass(frozen=True, slots=True)
class Scrape:
    """What Prometheus has of one scrape, in [lo, hi], of the proxy of a zone's callers; nothing where it has none.

    Attributes:
        figures: counters by name.
        buckets: requests that took no longer, by the bound in ms.
    """

    kind: Literal["scrape"]
    t: float
    moment: str
    zone: str
    proxy: str
    lo: float | None = None
    hi: float | None = None
    figures: dict[str, float] = field(default_factory=dict)
    buckets: dict[str, float] = field(default_factory=dict)
