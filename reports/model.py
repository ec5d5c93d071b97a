"""The words of a verdict: outcome, interval, target, verdict. Values only; no files, no judging."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

if TYPE_CHECKING:
    from collections.abc import Iterable

Relation = Literal["<", "<=", ">=", "==", "~"]

# JSON has no infinity: "not seen to end" is written, and read, as null.
Bound = Annotated[
    float,
    BeforeValidator(lambda value: math.inf if value is None else value),
    PlainSerializer(lambda value: value if math.isfinite(value) else None, return_type=float | None),
]


class Outcome(StrEnum):
    """What a run says about a promise. Only `passed` is green."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


_SEVERITY = (Outcome.PASSED, Outcome.INCONCLUSIVE, Outcome.ERROR, Outcome.FAILED)


def compose(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of several outcomes: failed > error > inconclusive > passed. None at all proves nothing."""
    return max(outcomes, key=_SEVERITY.index, default=Outcome.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure as far as it is known: it lies in [lo, hi]. hi is infinite when the end was not seen.

    Attributes:
        at: the estimate, if lo and hi are the ends of a confidence interval.
    """

    lo: float
    hi: Bound
    at: float | None = None

    def __post_init__(self) -> None:
        if not self.lo <= self.hi:  # also refuses NaN
            raise ValueError(f"an interval needs lo <= hi, not [{self.lo}, {self.hi}]")

    @property
    def ended(self) -> bool:
        """Whether the upper end was seen."""
        return math.isfinite(self.hi)

    @staticmethod
    def worst(intervals: Iterable[Interval]) -> Interval:
        """The interval of the maximum of several figures.

        Raises:
            ValueError: there is no figure.
        """
        known = tuple(intervals)
        return Interval(max(i.lo for i in known), max(i.hi for i in known))


class Parameters(BaseModel):
    """What a target tells its statistic. Every field is named in targets.toml or left at its default.

    Attributes:
        callers: callers that must have left samples; those in a zone that is cut are excused.
        tiers: tiers that must be in the record.
        modes: handshakes that every port must have refused.
        clean_tail_s: seconds without an error before the fault ended, without which recovery is not believed.
        samples_min: requests a caller must have made inside the fault window, or that the figure must rest on.
        lag_s_max: how late a caller's requests may go out (99th percentile), if the figure is not about time at all.
        warm_up_s: seconds from a caller's first request in which none counts: connections are made then.
        false_alarm: how often a system that keeps its promise may fail by chance alone.
        told_from: figures that so many requests must be able to tell from the promised one.
        services: services that every trace must lead through.
        calls_database: services of which every trace must show a call to a database.
        tags: tags that the first span of every trace must carry.
        alert: name of the alert, with the severity it must have and the channels that must be told, and no other.
        ready_percent_min: share of ready pods at which the alert must still be silent.
        resolve_s_max: seconds from the end of the fault within which every channel must be told that it is over.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    callers: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    modes: tuple[str, ...] = ("plaintext",)
    clean_tail_s: float = Field(default=10.0, gt=0)
    samples_min: int = Field(default=30, ge=1)
    fresh_s: float = Field(default=2.0, gt=0)
    lag_s_max: float | None = Field(default=None, gt=0)
    warm_up_s: float = Field(default=0, ge=0)
    false_alarm: float = Field(default=0.001, gt=0, lt=0.5)
    told_from: tuple[float, ...] = ()
    services: tuple[str, ...] = ()
    calls_database: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    alert: str = ""
    severity: str = ""
    channels: tuple[str, ...] = ()
    ready_percent_min: float = Field(default=66, gt=0, lt=100)
    resolve_s_max: float = Field(default=120.0, gt=0)


class Target(BaseModel):
    """One promised figure of the design document; see tests/targets.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)+$")
    promise: str = Field(min_length=1)
    source: str = Field(min_length=1)
    experiment: str = Field(pattern=r"^[a-z0-9_/-]+$")
    statistic: str
    limit: float = Field(allow_inf_nan=False)
    unit: str
    relation: Relation
    controls: tuple[str, ...] = ()
    parameters: Parameters = Parameters()

    @property
    def allowed(self) -> str:
        """The limit as it is read: "< 60 s"."""
        return f"{self.relation} {self.limit:g} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one case says about one target.

    Attributes:
        control: name of the negative control the case ran under, None for the system as it should be.
        reason: one sentence for a reader who knows nothing of the run.
        measured: None when there is no figure.
        margin: distance to the limit in the target's unit, negative when broken, None when there is no finite figure.
        evidence: files, relative to the run's folder.
        fix: the smallest change that would help, None when there is none to name.
    """

    target: str
    case: str
    control: str | None
    outcome: Outcome
    reason: str
    measured: Interval | None = None
    promise: str = ""
    allowed: float | None = None
    relation: str = ""
    unit: str = ""
    margin: float | None = None
    evidence: tuple[str, ...] = ()
    fix: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def figure(interval: Interval | None, unit: str) -> str:
    """A measured figure as it is read: "41.2 s", "> 90.0 s" when its end was not seen, "-" when there is none.

    An estimate is read with its confidence interval: "10.4 (8.1 to 13.0) %".
    """
    if interval is None:
        return "-"
    if interval.at is not None:
        return f"{interval.at:.1f} ({interval.lo:.1f} to {interval.hi:.1f}) {unit}"
    shown, sign = (interval.hi, "") if interval.ended else (interval.lo, "> ")
    text = f"{shown:.1f}" if unit in {"s", "%", "ms"} else f"{shown:g}"
    return f"{sign}{text} {unit}".rstrip()
