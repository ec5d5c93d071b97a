"""Whether a gateway refuses what is beyond its limit, nothing else, and no longer than it must."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.model import Interval, SampledParameters, Target

if TYPE_CHECKING:
    from reports.record import Caller, CaseRecord

REFUSED = 429
BEYOND = 1.2  # how much more than may pass a flood must be
BELOW = 0.5  # at most this part of the limit is below it


class RateParameters(SampledParameters):
    """Of rate_limit_violations.

    Attributes:
        flood: the caller that asks for too much; all others of `callers` stay below the limit.
        rate_hz: requests a second that may pass.
        burst: requests that may pass at once, on top, after a quiet time.
        recovery_s_max: how soon after the flood a caller must have begun, for what it sees to show the recovery.
    """

    flood: str
    rate_hz: float = Field(gt=0)
    burst: float = Field(gt=0)
    recovery_s_max: float = Field(default=10, gt=0)


@statistic(RateParameters)
def rate_limit_violations(record: CaseRecord, target: Target[RateParameters]) -> Measurement:
    """Number of requests that were refused below the limit, before and after a flood, or passed beyond it.

    Tokens are filled in once a second: in a flood of 4.2 s the bucket is filled five times and was full when it began.
    """
    parameters = target.parameters
    callers = {caller.name: caller for caller in record.callers if caller.name in parameters.callers}
    flood, calm = callers.pop(parameters.flood), callers
    wrongly = {name: sum(sample.status == REFUSED for sample in caller.samples) for name, caller in calm.items()}
    passed = sum(0 < sample.status != REFUSED for sample in flood.samples)
    answered = sum(sample.status > 0 for sample in flood.samples)
    may_pass = math.floor(parameters.burst + parameters.rate_hz * (math.floor(_span_s(flood)) + 1))
    excess = max(0, passed - may_pass)
    if not excess and answered < BEYOND * may_pass:
        raise Inconclusive(
            f"{answered} requests were answered in the flood, and {may_pass} may pass: too few to tell",
            "a larger flood",
        )
    if not excess and not any(wrongly.values()):
        _shown(flood, calm, parameters)
    total = excess + sum(wrongly.values())
    return Measurement(
        Interval(total, total),
        ("events.ndjson", *(f"samples-{name}.ndjson" for name in parameters.callers)),
        detail=f"{passed} of {answered} passed in the flood, {may_pass} may; "
        f"{sum(wrongly.values())} were refused below the limit",
        extra={"passed": passed, "answered": answered, "may_pass": may_pass, "refused_below": wrongly},
        fix=f"a local rate limit of {parameters.rate_hz:g} requests a second in each gateway pod",
    )


def _shown(flood: Caller, calm: dict[str, Caller], parameters: RateParameters) -> None:
    """Calm callers were answered, below the limit, before the flood and soon after it.

    Raises:
        Inconclusive: they were not.
    """
    for name, caller in calm.items():
        answered = sum(sample.status > 0 for sample in caller.samples)
        if answered < parameters.samples_min:
            raise Inconclusive(
                f"{answered} requests of caller {name} were answered, {parameters.samples_min} are needed",
                "see its samples: is the gateway there?",
            )
        if len(caller.samples) > BELOW * parameters.rate_hz * max(1.0, _span_s(caller)):
            raise Inconclusive(f"caller {name} was not well below the limit", "a lower rate")
    begin, end = flood.samples[0].sent, max(sample.done for sample in flood.samples)
    before = [name for name, caller in calm.items() if caller.samples[-1].done <= begin]
    after_s = [caller.samples[0].sent - end for caller in calm.values() if caller.samples[0].sent >= end]
    if not before or not after_s or min(after_s) > parameters.recovery_s_max:
        raise Inconclusive(
            f"nobody called before the flood, or nobody within {parameters.recovery_s_max:g} s after it",
            "call below the limit before and after the flood",
        )


def _span_s(caller: Caller) -> float:
    return max(sample.done for sample in caller.samples) - caller.samples[0].sent if caller.samples else 0.0
