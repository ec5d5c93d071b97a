"""The events about proxies: what they count, and which tries of a call reached a tier's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Counts:
    """What a proxy counted between lo and hi, by the last word of Envoy's name for it.

    Attributes:
        proxy: "<namespace>/<pod>".
        caller: who calls through it.
    """

    kind: Literal["counts"]
    t: float
    proxy: str
    caller: str
    lo: float
    hi: float
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a call, as the proxy of the replica that got it saw it begin and end."""

    host: str
    begin: float
    end: float
    status: int


@dataclass(frozen=True, slots=True)
class Tries:
    """Every try of one call, in the order in which they began."""

    kind: Literal["tries"]
    t: float
    call: str
    tries: tuple[Try, ...]

    @property
    def gaps_s(self) -> tuple[float, ...]:
        """Seconds from the end of each try to the beginning of the next."""
        return tuple(later.begin - earlier.end for earlier, later in zip(self.tries, self.tries[1:], strict=False))


@dataclass(frozen=True, slots=True)
class TriesRead:
    """How the tries were read; `complete` only if two readings of the access logs were equal."""

    kind: Literal["tries.read"]
    t: float
    calls: int
    complete: bool
    why: str = ""
