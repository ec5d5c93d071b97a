"""Times as settings write them: Go's "1m30s", Prometheus' "15s" and "1d", PostgreSQL's "5min" and plain seconds."""

from __future__ import annotations

import re

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|[smhdw])")


def seconds(value: str | float) -> float:
    """Returns a duration in seconds; a bare number is seconds already.

    Raises:
        ValueError: it is none.
    """
    text = str(value).strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not text or PART.sub("", text).strip():
        raise ValueError(f"{value!r} is no duration")
    return sum(float(number) * UNITS[unit] for number, unit in PART.findall(text))
