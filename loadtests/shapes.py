"""How many users there are at each moment of a run: pure arithmetic, without Locust, so that it can be tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SPIKE_FACTOR = 5


def steady(_elapsed_s: float, _duration_s: float, users: int) -> int:
    """All users, all the time."""
    return users


def ramp(elapsed_s: float, duration_s: float, users: int) -> int:
    """From one user, evenly, to all of them in the last tenth of the run."""
    share = elapsed_s / (0.9 * duration_s)
    return max(1, min(users, round(users * share)))


def spike(elapsed_s: float, duration_s: float, users: int) -> int:
    """All users, and five times as many in the middle third."""
    in_middle = duration_s / 3 <= elapsed_s < 2 * duration_s / 3
    return users * SPIKE_FACTOR if in_middle else users


SHAPES: dict[str, Callable[[float, float, int], int]] = {"steady": steady, "ramp": ramp, "spike": spike}
