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
    return unchanged(read, {}, lambda last: (len(last), sum(map(len, last.values()))), quiet_s, within_s, what)


def unchanged[T](
    read: Callable[[], T], nothing: T, size: Callable[[T], object], quiet_s: float, within_s: float, what: str
) -> tuple[T, str]:
    """Does the same for anything that has a size: `nothing` is what was read while every reading fails."""
    last = nothing
    sizes: list[object] = []

    def again() -> list[object]:
        nonlocal last
        last = read()
        sizes.append(size(last))
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
