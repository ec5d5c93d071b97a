"""How far apart the moments of a cron line are: what the worst case of a schedule is made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from deploy.errors import Problem

# Ranges of minute, hour, day of month, month, day of week (7 is Sunday too).
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
HORIZON_DAYS = 62  # two months have every day of a month and of a week
NAMED = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0"}


def spacing_s(line: str) -> float:
    """Returns the longest time between two moments of a cron line, in seconds.

    Raises:
        Problem: the line cannot be read, or its moments are more than two months apart.
    """
    fields = NAMED.get(line.strip(), line).split()
    if len(fields) != len(FIELDS):
        raise Problem(f"the schedule {line!r} cannot be read", why="five fields are needed")
    minutes, hours, days, months, weekdays = (
        _values(line, text, low, high) for text, (low, high) in zip(fields, FIELDS, strict=True)
    )
    weekdays = {day % 7 for day in weekdays}
    either = fields[2] != "*" and fields[4] != "*"  # cron's rule: both restricted means one of them is enough
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    moments = []
    for day in (begin + timedelta(days=n) for n in range(HORIZON_DAYS)):
        of_month, of_week = day.day in days, day.isoweekday() % 7 in weekdays
        if day.month in months and ((of_month or of_week) if either else (of_month and of_week)):
            moments += [day + timedelta(hours=h, minutes=m) for h in sorted(hours) for m in sorted(minutes)]
    if len(moments) < 2:
        raise Problem(f"the moments of the schedule {line!r} are more than two months apart")
    return max((later - earlier).total_seconds() for earlier, later in pairwise(moments))


def _values(line: str, text: str, low: int, high: int) -> set[int]:
    """Reads one field: *, a, a-b, each with /step, and lists of them."""
    found: set[int] = set()
    try:
        for part in text.split(","):
            span, _, step = part.partition("/")
            first, dash, last = span.partition("-")
            start, end = (low, high) if span == "*" else (int(first), int(last) if dash else int(first))
            end = high if step and not dash else end
            found |= set(range(start, end + 1, int(step or 1)))
    except ValueError as error:
        raise Problem(f"the schedule {line!r} cannot be read", why=f"field {text!r}") from error
    if not found or not found <= set(range(low, high + 1)):
        raise Problem(f"the schedule {line!r} cannot be read", why=f"field {text!r} must lie in {low}-{high}")
    return found
