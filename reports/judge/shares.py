"""A promised share of requests: of all of them, and of each part alone, so that no bad part hides behind good ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from reports.judge.binomial import share_percent, told_apart
from reports.judge.registry import Broken, Inconclusive, Measurement
from reports.model import CallerParameters, Target

type Count = tuple[int, int]


class ShareParameters(CallerParameters):
    """Of every statistic that measures a share.

    Attributes:
        false_alarm: how often a system that keeps its promise may fail by chance alone.
        told_from: figures that so many requests must be able to tell from the promised one.
    """

    false_alarm: float = Field(default=0.001, gt=0, lt=0.5)
    told_from: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """How a share is told.

    Attributes:
        part: of one part: "first proxy of {} traced {}", with its name and its count.
        extra: under which name the counts of the parts are shown.
        fix: what would mend it.
    """

    part: str
    extra: str
    fix: str


def judged[P: ShareParameters](
    target: Target[P], counts: Mapping[str, Count], words: Words, files: tuple[str, ...], *, each_told: bool = False
) -> Measurement:
    """The share over all parts with its exact interval; broken where a part alone has another share.

    The tests of the parts have together the same false-alarm rate again as the test of the whole.

    Args:
        target: whose limit is the promised share, in percent.
        counts: by part, how many of how many.
        words: how it is told.
        files: what was read.
        each_told: each part alone must be told from the shares in `told_from`, not only all of them together.

    Raises:
        Inconclusive: there are too few requests.
    """
    limit, false_alarm = target.limit, target.parameters.false_alarm
    apart = false_alarm / max(1, len(counts))
    hits, n = (sum(pair[k] for pair in counts.values()) for k in (0, 1))
    sizes = [(size, apart) for _, size in counts.values()] if each_told else [(n, false_alarm)]
    for size, alarm in sizes:
        for other in target.parameters.told_from:
            if not told_apart(size, limit, other, alarm):
                raise Inconclusive(
                    f"{size} requests are too few to tell {limit:g} % from {other:g} %", "more requests: a longer load"
                )
    broken = [
        Broken(f"{words.part.format(name, shown(*count))}, which is not {limit:g} %", words.fix)
        for name, count in counts.items()
        if not share_percent(*count, apart).holds(limit)
    ]
    return Measurement(
        share_percent(hits, n, false_alarm),
        files,
        detail=f"{hits} of {n} requests; exact {100 * (1 - false_alarm):g} % confidence interval",
        extra={words.extra: {name: shown(*count) for name, count in counts.items()}},
        broken=tuple(broken),
        fix=words.fix,
    )


def shown(k: int, n: int) -> str:
    """A count as it is read: "38 of 375 (10.1 %)"."""
    return f"{k} of {n} ({100 * k / n:.1f} %)" if n else "none of none"
