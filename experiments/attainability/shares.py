"""Promised shares: how many requests a document sends, and whether they are enough to tell the share from another."""

from __future__ import annotations

import itertools
import math

from experiments.attainability.model import Attainability, Question
from experiments.traffic import Call

FALSE_ALARM, POWER = 0.001, 0.99


def calls(question: Question) -> dict[str, Call]:
    """The callers that a target listens to."""
    every = question.traffic.callers
    return {name: every[name] for name in question.target.parameters.get("callers") or every}


def lasts_s(question: Question) -> float:
    """How long requests are counted: while the document holds still, or as long as its callers send."""
    try:
        return float(question.arguments("hold")["seconds"])
    except KeyError:
        return question.traffic.duration_s


def count(question: Question, call: Call, for_s: float | None = None) -> int:
    """How many of a caller's requests count: those after its connections are warm."""
    plan, warm_up_s = question.traffic, float(question.target.parameters.get("warm_up_s", 0))
    return math.floor((call.rate_hz or plan.rate_hz) * ((for_s or lasts_s(question)) - warm_up_s))


def sent(question: Question, for_s: float | None = None) -> int:
    """How many requests of all of them count."""
    return sum(count(question, call, for_s) for call in calls(question).values())


def enough(question: Question, percent: float, words: str, *, each: bool = False) -> Attainability:
    """Whether as many requests tell the promised share from each in `told_from`; `percent` is what settings give.

    Args:
        question: the target.
        percent: the share.
        words: what gives it.
        each: each caller's requests alone must tell it, not only all of them together.
    """
    limit, parameters = question.target.limit, question.target.parameters
    false_alarm, told_from = parameters.get("false_alarm", FALSE_ALARM), parameters.get("told_from", ())
    callers = calls(question).values()

    def fewest(for_s: float) -> int:
        return min(count(question, call, for_s) for call in callers) if each else sent(question, for_s)

    def mistaken(n: int) -> float | None:
        alarm = false_alarm / len(callers) if each else false_alarm
        return next((other for other in told_from if not tells(n, limit, other, alarm)), None)

    n = fewest(lasts_s(question))
    if (other := mistaken(n)) is not None:
        longer_s = itertools.count(math.ceil(lasts_s(question)))
        enough_s = next(each_s for each_s in longer_s if mistaken(fewest(each_s)) is None)
        why = f"the document sends {n} requests, too few to tell {limit:g} % from {other:g} %"
        return question.never(why, f"duration_s: {enough_s}, for {fewest(enough_s)} requests", percent)
    return question.answer(percent, f"{words}; {n} requests")


def tells(n: int, percent: float, other: float, false_alarm: float) -> bool:
    """Whether n requests would almost surely not pass for `percent` if the share were `other` percent.

    The judge's own arithmetic, which may not be imported from here; a test compares the two.
    """
    from scipy.special import bdtr, bdtrik  # scipy.stats takes seconds to import

    def quantile(share: float) -> int:
        below: int = max(0, math.ceil(bdtrik(false_alarm / 2, n, share)) - 1)
        return below if float(bdtr(below, n, share)) >= false_alarm / 2 else below + 1

    p, q = percent / 100, other / 100
    low, high = quantile(p), n - quantile(1 - p)
    return bool(bdtr(high, n, q) - (bdtr(low - 1, n, q) if low else 0.0) <= 1 - POWER)
