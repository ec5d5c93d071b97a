"""The only place that sleeps.

Two questions are asked of a moving system: does it become so (`eventually`), and does it stay so (`consistently`).
Both poll the *value*, not a boolean, so that a failure can show the last value, the last error, the number of attempts
and the time spent. Where a watch exists, use the watch; these are for what cannot be watched.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class NotSo(AssertionError):  # noqa: N818 - read aloud it says what it is
    """A wait that ended badly.

    Attributes:
        last: the last value seen, None when every attempt raised.
        attempts: how often the value was read.
        elapsed_s: seconds from the first attempt to giving up.
    """

    def __init__(self, message: str, *, last: object, attempts: int, elapsed_s: float) -> None:
        super().__init__(message)
        self.last, self.attempts, self.elapsed_s = last, attempts, elapsed_s


def eventually[T](
    get: Callable[[], T],
    matches: Callable[[T], object],
    *,
    within_s: float,
    what: str,
    every_s: float = 0.25,
    converge: int = 1,
) -> T:
    """Reads `get` until `matches` holds `converge` times in a row; returns the last value.

    Errors raised by `get` count as "not yet" and are shown if the wait fails.

    Args:
        get: reads the value.
        matches: says whether a value is the wanted one.
        within_s: seconds to wait at most; the value is read at least once.
        what: the wish, as it should read in "waited 60 s for …".
        every_s: seconds between two reads.
        converge: how many successes in a row are needed.

    Raises:
        NotSo: with the last value, last error, attempts and elapsed seconds in its text.
    """
    begin = time.monotonic()
    attempts, in_a_row = 0, 0
    last: T | None = None
    error: Exception | None = None
    while True:
        attempts += 1
        try:
            last, error = get(), None
            in_a_row = in_a_row + 1 if matches(last) else 0
        except Exception as raised:  # noqa: BLE001 - whatever it is, it is shown when the wait fails
            error, in_a_row = raised, 0
        if in_a_row >= converge:
            return last  # type: ignore[return-value]
        elapsed = time.monotonic() - begin
        if elapsed + every_s > within_s:
            raise NotSo(
                f"waited {elapsed:.1f} s for {what} ({attempts} attempts); last value: {last!r}"
                + (f"; last error: {type(error).__name__}: {error}" if error else ""),
                last=last,
                attempts=attempts,
                elapsed_s=elapsed,
            )
        pause(every_s)


def consistently[T](
    get: Callable[[], T], matches: Callable[[T], object], *, for_s: float, what: str, every_s: float = 0.25
) -> int:
    """Reads `get` for `for_s` seconds and fails at the first value that does not match; returns the number of reads.

    An error raised by `get` is a failure too: a value that cannot be read was not seen to stay.

    Raises:
        NotSo: at the first miss.
    """
    begin = time.monotonic()
    attempts = 0
    while True:
        attempts += 1
        value = get()
        elapsed = time.monotonic() - begin
        if not matches(value):
            raise NotSo(
                f"{what} did not hold: after {elapsed:.1f} s of {for_s:g} s ({attempts} reads) the value was {value!r}",
                last=value,
                attempts=attempts,
                elapsed_s=elapsed,
            )
        if elapsed >= for_s:
            return attempts
        pause(every_s)


def pause(seconds: float) -> None:
    """Lets time pass: for a fault that must be held, never for something that could be waited for."""
    time.sleep(max(0.0, seconds))  # noqa: TID251 - the one place
