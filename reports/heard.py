"""What a caller heard, as columns: a report counts and orders hundreds of thousands of requests many times."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from reports.record import Caller

type Numbers = NDArray[np.float64]
type Choice = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Heard:
    """A caller's requests in the order in which they were due; seconds on the record's clock.

    Attributes:
        took: from when a request was due until it was answered or had failed.
    """

    sent: Numbers
    done: Numbers
    took: Numbers
    failed: Choice

    def only(self, chosen: Choice) -> Heard:
        """Some of the requests."""
        return Heard(self.sent[chosen], self.done[chosen], self.took[chosen], self.failed[chosen])

    def __len__(self) -> int:
        return len(self.done)


def heard(caller: Caller) -> Heard:
    """A caller's requests."""
    due, sent, done = (_column(caller, name, np.float64) for name in ("due", "sent", "done"))
    return Heard(sent, done, done - due, _column(caller, "failed", np.bool_))


def _column(caller: Caller, name: str, kind: Any) -> NDArray[Any]:
    return np.fromiter(map(attrgetter(name), caller.samples), kind, len(caller.samples))


def quantiles(took: Numbers, shares: tuple[float, ...]) -> list[float | None]:
    """Quantiles by nearest rank, None of nothing."""
    ordered = np.sort(took)
    places = _ranks(np.array([len(ordered)]), shares)
    return [float(ordered[place[0]]) if len(ordered) else None for place in places]


def quantiles_of_bins(
    bins: NDArray[np.int64], took: Numbers, shares: tuple[float, ...]
) -> tuple[NDArray[np.int64], list[Numbers]]:
    """The bins that have a request, in order, and for each share their quantiles."""
    ordered = took[np.lexsort((took, bins))]
    numbers, counts = np.unique(bins, return_counts=True)
    first = np.cumsum(counts) - counts
    return numbers, [ordered[first + rank] for rank in _ranks(counts, shares)]


def longest_gap_s(these: Heard) -> float:
    """Longest time between two successes one after the other, by the end of each; 0 with fewer than two."""
    ends = np.sort(these.done[~these.failed])
    return float(np.max(np.diff(ends))) if len(ends) > 1 else 0.0


def _ranks(counts: NDArray[Any], shares: tuple[float, ...]) -> list[NDArray[np.int64]]:
    return [np.maximum(np.ceil(share * counts).astype(np.int64) - 1, 0) for share in shares]
