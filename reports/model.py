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


STARVED = "starved"  # in a verdict's `extra`: nothing but the machine kept it from being proven


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

    def holds(self, figure: float) -> bool:
        """Whether a figure may be this one."""
        return self.lo <= figure <= self.hi

    @staticmethod
    def worst(intervals: Iterable[Interval]) -> Interval:
        """The interval of the maximum of several figures.

        Raises:
            ValueError: there is no figure.
        """
        known = tuple(intervals)
        return Interval(max(i.lo for i in known), max(i.hi for i in known))


class Parameters(BaseModel):
    """What a target tells its statistic. Each statistic declares its own; a field it does not have is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CallerParameters(Parameters):
    """Of every statistic that listens to callers.

    Attributes:
        callers: callers that must have left samples; those in a zone that is cut are excused.
        lag_s_max: how late a caller's requests may go out (99th percentile), if the figure is not about time at all.
    """

    callers: tuple[str, ...] = ()
    lag_s_max: float | None = Field(default=None, gt=0)


class SampledParameters(CallerParameters):
    """Of every statistic that rests on a number of requests.

    Attributes:
        samples_min: requests a caller must have made inside the fault window, or that the figure must rest on.
    """

    samples_min: int = Field(default=30, ge=1)


class TierParameters(Parameters):
    """Of every statistic that counts pods.

    Attributes:
        tiers: tiers that must be in the record; none stands for all that are in it.
    """

    tiers: tuple[str, ...] = ()


class Target[P: Parameters](BaseModel):
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
    parameters: P

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
