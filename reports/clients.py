"""The events about single clients: what one was answered, and when its proxy let a host in again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests of one client, each sent when the one before was answered, from `lo` to `hi`.

    Attributes:
        served: by pod, how many it served.
        errors: by pod, how many it answered with a server's error; what no pod answered stands under "".
    """

    kind: Literal["asked"]
    t: float
    client: str
    lo: float
    hi: float
    served: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.served.values()) + sum(self.errors.values())

    def by(self, pod: str) -> int:
        """How many a pod answered, in whatever way."""
        return self.served.get(pod, 0) + self.errors.get(pod, 0)


@dataclass(frozen=True, slots=True)
class EjectionEnded:
    """A client's proxy no longer marked a host as failing, in [lo, hi]: it was let in again, or is gone."""

    kind: Literal["ejection.ended"]
    t: float
    client: str
    host: str
    lo: float
    hi: float
