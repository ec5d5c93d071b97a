"""What is still being written: read until two readings are equal."""

from __future__ import annotations

from collections.abc import Callable, Sized

from deploy.waiting import NotSo, eventually


def settled[T: Sized](
    read: Callable[[], dict[str, T]], quiet_s: float, within_s: float, what: str
) -> tuple[dict[str, T], str]:
    """Reads until two readings are equal in number; returns the last, and why it is not to be trusted if it is not.

    Args:
        read: what is there now, by its name; all of it each time.
        quiet_s: seconds between two readings.
        within_s: seconds to wait for two that are equal.
        what: the wish, as it should read in "waited 60 s for …".
    """
    last: dict[str, T] = {}
    sizes: list[tuple[int, int]] = []

    def again() -> list[tuple[int, int]]:
        nonlocal last
        last = read()
        sizes.append((len(last), sum(map(len, last.values()))))
        return sizes[-2:]

    try:
        eventually(
            again,
            lambda two: len(two) == 2 and two[0] == two[1],
            within_s=within_s,
            every_s=quiet_s,
            what=what,
        )
    except NotSo as missed:
        return last, str(missed)
    return last, ""
