"""What two proxies add to the slowest one in a hundred of calls: with them, and past them, at the same time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import Field

from reports.judge.faults import fault_windows
from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.model import CallerParameters, Interval, Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reports.record import CaseRecord

SHARE = 99.0  # percentile
RESAMPLES = 2000
SEED = 1


class LatencyParameters(CallerParameters):
    """Of added_p99_ms.

    Attributes:
        meshed: the caller whose calls go through both proxies.
        bare: the one whose calls go past them.
        window_s: one window, of which each has a difference of its own.
        windows_min: how many there must be.
        block_s: what is drawn together, since what slows calls of the one kind slows the other's of the same moment.
        confidence: of the interval.
        samples_min: of each kind in each window.
    """

    meshed: str
    bare: str
    window_s: float = Field(default=30, gt=0)
    windows_min: int = Field(default=3, ge=1)
    block_s: float = Field(default=2, gt=0)
    confidence: float = Field(default=0.99, gt=0.5, lt=1)
    samples_min: int = Field(default=500, ge=100)


@statistic(LatencyParameters)
def added_p99_ms(record: CaseRecord, target: Target[LatencyParameters]) -> Measurement:
    """Difference of the 99th percentiles, ms, with its bootstrapped interval over moments that both kinds share."""
    parameters = target.parameters
    windows = list(_windows(record, parameters))
    if len(windows) < parameters.windows_min:
        raise Inconclusive(
            f"{len(windows)} windows of {parameters.window_s:g} s, {parameters.windows_min} are needed",
            "raise traffic.duration_s of the document",
        )
    blocks = [block for window in windows for block in window]
    added = _added([times for times, _ in blocks], [times for _, times in blocks])
    interval = _interval(blocks, added, parameters.confidence)
    each = [round(_added([one for one, _ in window], [other for _, other in window]), 2) for window in windows]
    if interval.lo < target.limit <= interval.hi:
        raise Inconclusive(
            f"{added:.1f} ({interval.lo:.1f} to {interval.hi:.1f}) ms cannot be told from {target.limit:g} ms",
            "a longer load, or a quieter machine",
        )
    return Measurement(
        interval,
        ("events.ndjson", f"samples-{parameters.meshed}.ndjson", f"samples-{parameters.bare}.ndjson"),
        detail=f"{len(windows)} windows: {', '.join(f'{value:.1f}' for value in each)} ms",
        extra={"windows_ms": each, "requests": sum(len(one) + len(other) for one, other in blocks)},
        fix="see the proxies' processors (sidecar.istio.io/proxyCPU), and faults or filters on the route",
    )


type Block = tuple[NDArray[Any], NDArray[Any]]


def _windows(record: CaseRecord, parameters: LatencyParameters) -> Iterator[list[Block]]:
    """The whole windows while it was measured, each in blocks: times (ms) through the mesh, and past it."""
    import numpy as np

    (measured,) = fault_windows(record)
    begin, end = measured.started.hi, measured.ended.lo
    kinds = []
    for name in (parameters.meshed, parameters.bare):
        rows = [each for caller in record.callers if caller.name == name for each in caller.samples]
        failed = sum(each.failed for each in rows if begin <= each.due < end)
        if failed:
            raise Inconclusive(f"{failed} calls of {name} failed, so their time says nothing", "see the server's log")
        kinds.append((np.array([each.due for each in rows]), np.array([each.done - each.sent for each in rows]) * 1000))
    for number in range(math.floor((end - begin) / parameters.window_s)):
        lo = begin + number * parameters.window_s
        edges = np.arange(lo, lo + parameters.window_s + 1e-9, parameters.block_s)
        cut = [np.split(took, np.searchsorted(due, edges))[1:-1] for due, took in kinds]
        fewest = min(sum(map(len, part)) for part in cut)
        if fewest < parameters.samples_min:
            raise Inconclusive(
                f"{fewest} calls of a kind in one window, {parameters.samples_min} are needed", "raise rate_hz"
            )
        yield list(zip(*cut, strict=True))


def _added(meshed: list[NDArray[Any]], bare: list[NDArray[Any]]) -> float:
    import numpy as np

    one, other = (float(_slowest(times, np.ones((1, len(times)), dtype=np.int32))[0]) for times in (meshed, bare))
    return one - other


def _interval(blocks: list[Block], added: float, confidence: float) -> Interval:
    """Draws blocks with both their kinds, so that what slowed both at once slows both in each draw."""
    import numpy as np

    drawn = np.random.default_rng(SEED).multinomial(len(blocks), [1 / len(blocks)] * len(blocks), RESAMPLES)
    one, other = (_slowest([block[kind] for block in blocks], drawn.astype(np.int32)) for kind in (0, 1))
    tail = 100 * (1 - confidence) / 2
    lo, hi = (float(value) for value in np.percentile(one - other, [tail, 100 - tail]))
    return Interval(min(lo, added), max(hi, added), at=added)


def _slowest(blocks: list[NDArray[Any]], drawn: NDArray[Any]) -> NDArray[Any]:
    """The percentile, by nearest rank, of each draw.

    Args:
        blocks: times of each block.
        drawn: for each draw, how often it has each block.
    """
    import numpy as np

    times, sizes = np.concatenate(blocks), [len(block) for block in blocks]
    order = np.argsort(times)[::-1]
    block_of = np.repeat(np.arange(len(blocks)), sizes)[order]
    number = drawn @ np.array(sizes)
    rank = number - np.ceil(number * SHARE / 100)  # so many are slower than the percentile
    looked_at = len(times) * 2 * (100 - SHARE) / 100  # more when a draw has the slow ones seldom
    while True:
        weights = np.take(drawn, block_of[: math.ceil(looked_at)], axis=1)
        slower = np.cumsum(weights, axis=1)  # how many are at least as slow as each, from the slowest on
        if looked_at >= len(times) or (slower[:, -1] > rank).all():
            return times[order][np.argmax(slower > rank[:, None], axis=1)]
        looked_at *= 2
