"""Events about the mesh: who was let through."""

from __future__ import annotations

from dataclasses import dataclass
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
