"""Reads sample files and works figures out of them: exact, from every sample, without buckets."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """One request; times are CLOCK_MONOTONIC seconds, status 0 means that no complete answer came."""

    i: int
    due: float
    sent: float
    done: float
    status: int
    error: str | None = None
    answer: str | None = None

    @property
    def ok(self) -> bool:
        """Answered, and not with a server error."""
        return 0 < self.status < 500

    @property
    def latency_s(self) -> float:
        """From the intended moment, so that waiting to be sent counts."""
        return self.done - self.due


@dataclass(frozen=True, slots=True)
class Recording:
    """A sample file, samples in the order they were due. Without an end line `planned` and `sent` are None."""

    caller: str
    zone: str | None
    url: str
    rate_hz: float
    samples: tuple[Sample, ...]
    planned: int | None = None
    sent: int | None = None

    @property
    def complete(self) -> bool:
        """The caller came to its end; else it still runs, or it died."""
        return self.planned is not None


@dataclass(frozen=True, slots=True)
class Outage:
    """Failures without a success between them: from the first one's due time to the next success' (or the last end)."""

    begin: float
    end: float
    failures: int


def read(path: Path) -> Recording:
    """Reads a sample file, also one that is still being written: a torn last line is left out.

    Raises:
        Problem: the file is not there, has no header, or is damaged before its last line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Problem(f"{path.name} cannot be read", why=str(error), fix="see the caller's log") from None
    whole = text[: text.rfind("\n") + 1].splitlines()
    rows = [_row(path, number, line) for number, line in enumerate(whole, 1)]
    if not rows or "rate_hz" not in rows[0]:
        raise Problem(f"{path.name} has no header line", why="the caller died before its first request")
    head, body = rows[0], rows[1:]
    end = body.pop() if body and body[-1].get("end") else {}
    try:
        samples = tuple(sorted((Sample(**row) for row in body), key=lambda sample: sample.due))
        return Recording(
            head["caller"], head["zone"], head["url"], head["rate_hz"], samples, end.get("planned"), end.get("sent")
        )
    except (TypeError, KeyError) as error:
        raise Problem(f"{path.name} is not a sample file", why=str(error)) from None


def _row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise Problem(f"{path.name} is damaged in line {number}", why=str(error)) from None
    if not isinstance(row, dict):
        raise Problem(f"{path.name} is damaged in line {number}", why=f"not an object: {line[:80]}")
    return row


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` % of the values do not exceed (nearest rank).

    Raises:
        ValueError: no values, or `percent` not in (0, 100].
    """
    if not values:
        raise ValueError("a percentile of nothing")
    if not 0 < percent <= 100:
        raise ValueError(f"percent must be in (0, 100], not {percent}")
    rank = math.ceil(Fraction(str(percent)) * len(values) / 100)  # floats would make 7 % of 100 the eighth
    return sorted(values)[rank - 1]


def success_ratio(samples: Sequence[Sample]) -> float:
    """Successes among all samples.

    Raises:
        ValueError: no samples; nothing sent is not a success.
    """
    if not samples:
        raise ValueError("a ratio of nothing")
    return sum(sample.ok for sample in samples) / len(samples)


def longest_gap_s(samples: Sequence[Sample]) -> float:
    """The longest time a user saw no success: between two, before the first, or after the last; 0 without samples."""
    if not samples:
        return 0.0
    begin, end = min(sample.due for sample in samples), max(sample.done for sample in samples)
    moments = [begin, *sorted(sample.done for sample in samples if sample.ok), end]
    return max(later - earlier for earlier, later in pairwise(moments))


def outages(samples: Sequence[Sample]) -> list[Outage]:
    """Every unbroken run of failures, in the order in which the requests were due."""
    found: list[Outage] = []
    failures: list[Sample] = []
    for sample in sorted(samples, key=lambda sample: sample.due):
        if not sample.ok:
            failures.append(sample)
        elif failures:
            found.append(Outage(failures[0].due, sample.due, len(failures)))
            failures = []
    if failures:
        found.append(Outage(failures[0].due, max(sample.done for sample in failures), len(failures)))
    return found


def schedule_lag_p99_s(samples: Sequence[Sample]) -> float:
    """How late the caller itself was (99th percentile): a starved machine measures itself, not the platform.

    Raises:
        ValueError: no samples.
    """
    return percentile([sample.sent - sample.due for sample in samples], 99)
