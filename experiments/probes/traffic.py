"""How the experiment's own callers fare right now. For steady states; verdicts are worked out from the sample files."""

from __future__ import annotations

import time

from deploy.waiting import NotSo, eventually
from experiments import session

PER_CALLER_MIN = 20


def success_ratio(seconds: float, within_s: float, enough: float = 0.999) -> float:
    """Returns the smallest share of successes among the callers, over the last seconds.

    A caller with too few answers in that time counts as 0: silence is not success. Waits up to `within_s` for the
    share to reach `enough`, so that a platform that has just been disturbed may settle first.

    Raises:
        Problem: no caller runs.
    """
    traffic = session.current().traffic

    def ratio() -> float:
        lowest = 1.0
        for name in traffic.names():
            over = traffic.latest(name, seconds, time.monotonic())
            lowest = min(lowest, sum(over) / len(over) if len(over) >= PER_CALLER_MIN else 0.0)
        return lowest if traffic.names() else 0.0

    try:
        return eventually(
            ratio, lambda value: value >= enough, within_s=within_s, every_s=1, what="the callers' successes"
        )
    except NotSo as missed:
        return float(missed.last) if isinstance(missed.last, float) else 0.0
