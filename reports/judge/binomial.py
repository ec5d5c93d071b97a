"""Exact binomial statements about a share: what k of n requests say about it, and what n of them could tell."""

from __future__ import annotations

from reports.judge.registry import Inconclusive
from reports.model import Interval

# How sure one must be to notice that the share is another one.
POWER = 0.99


def share_percent(k: int, n: int, false_alarm: float) -> Interval:
    """The exact (Clopper-Pearson) interval of a share of which k of n were seen, in percent: its ends, the estimate.

    An interval leaves the true share out with a probability of `false_alarm` at most.

    Raises:
        Inconclusive: n is 0.
    """
    from scipy.special import betaincinv

    if n == 0:
        raise Inconclusive("no request was answered")
    tail = false_alarm / 2
    lo = float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    hi = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return Interval(100 * lo, 100 * hi, at=100 * k / n)


def told_apart(n: int, percent: float, other: float, false_alarm: float) -> bool:
    """Whether n requests would almost surely not pass for `percent` if the share were `other` percent."""
    import numpy as np
    from scipy.special import bdtr, bdtrc

    if n == 0:
        return False
    p, q, k = percent / 100, other / 100, np.arange(n + 1)
    # The counts whose interval would hold p, and how likely they are under q.
    taken = (bdtr(k, n, p) >= false_alarm / 2) & (bdtrc(k - 1, n, p) >= false_alarm / 2)
    chance = np.diff(bdtr(k, n, q), prepend=0.0)
    return float(chance[taken].sum()) <= 1 - POWER
