"""Faults on request: what may be asked of a pod, and the switch that remembers what was asked.

A fault always carries the time after which it heals by itself, so that nothing stays broken when the injector dies.
All times are seconds of CLOCK_MONOTONIC, which the pods of one machine share.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FOR_S_MAX = 3600.0
# kind -> (lowest value, highest value, what the value is); None: the kind takes no value
VALUES: dict[str, tuple[float, float, str] | None] = {
    "status": (400, 599, "the HTTP status to answer"),
    "delay": (0.001, 60, "seconds to wait before answering"),
    "hang": None,
    "unready": None,
    "cpu": (0.01, 1, "cores to burn"),
    "memory": (1, 1024, "MiB to hold"),
}
ON_REQUESTS = frozenset({"status", "delay", "hang"})


class BadFault(ValueError):  # noqa: N818 - it says what is bad
    """The request cannot be granted; the text says what to send instead."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is asked for: a kind, its value (0 where the kind takes none), a bound in seconds."""

    kind: str
    value: float
    for_s: float
    probes: bool = False

    @classmethod
    def parse(cls, body: object) -> Fault:
        """Reads a request's JSON; BadFault carries the fix in its text."""
        if not isinstance(body, dict):
            raise BadFault('send a JSON object such as {"kind": "status", "value": 503, "for_s": 60}')
        unknown = sorted(set(body) - {"kind", "value", "for_s", "probes"})
        if unknown:
            raise BadFault(f"unknown field {unknown[0]!r}: use kind, value, for_s, and probes with a hang")
        kind = body.get("kind")
        if not isinstance(kind, str) or kind not in VALUES:
            raise BadFault(f"kind {kind!r} is not known: use one of {', '.join(VALUES)}")
        if "for_s" not in body:
            raise BadFault(
                f"for_s is missing: say after how many seconds the fault heals by itself, at most {FOR_S_MAX:g}"
            )
        for_s = _number(body["for_s"], "for_s", 0.001, FOR_S_MAX, "seconds until the fault heals by itself")
        probes = body.get("probes", False)
        if not isinstance(probes, bool) or (probes and kind != "hang"):
            raise BadFault('probes is true or false, and true only with {"kind": "hang"}')
        return cls(kind, _value(kind, body.get("value")), for_s, probes)


def _value(kind: str, value: object) -> float:
    allowed = VALUES[kind]
    if allowed is None:
        if value is not None:
            raise BadFault(f"a {kind} takes no value: leave it out")
        return 0.0
    number = _number(value, "value", *allowed)
    if kind == "status" and not number.is_integer():
        raise BadFault("value must be a whole number, the HTTP status to answer, such as 503")
    return number


def _number(given: object, name: str, low: float, high: float, meaning: str) -> float:
    if (
        isinstance(given, bool)
        or not isinstance(given, int | float)
        or not math.isfinite(given)
        or not low <= given <= high
    ):
        raise BadFault(f"{name} is {given!r}: send a number from {low:g} to {high:g}, {meaning}")
    return float(given)


@dataclass(frozen=True, slots=True)
class Active:
    """A fault in force; `cleared` is done when it was taken back or replaced, and at `until` it heals by itself."""

    fault: Fault
    since: float
    until: float
    cleared: Future[None] = field(default_factory=Future)

    def clear(self) -> None:
        """Wakes everything that the fault holds."""
        try:
            self.cleared.set_result(None)
        except InvalidStateError:
            return  # it was cleared before


class FaultSwitch:
    """Remembers the fault of this process and counts what it did; every method may be called from any thread."""

    def __init__(self, pod: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._pod, self._clock, self._lock = pod, clock, threading.Lock()
        self._last: Active | None = None
        self._ended: float | None = None
        self._faulted = self._served = 0

    def set(self, fault: Fault) -> Active:
        """Puts a fault in force in place of the one before, and starts its count."""
        with self._lock:
            now = self._clock()
            if self._last:
                self._last.clear()
            self._last, self._ended, self._faulted = Active(fault, now, now + fault.for_s), None, 0
            return self._last

    def clear(self) -> None:
        """Heals; the count and the times of the last fault stay readable."""
        with self._lock:
            if self._last and self._ended is None:
                self._ended = min(self._clock(), self._last.until)
                self._last.clear()

    def active(self) -> Active | None:
        """Returns the fault in force, if there is one."""
        with self._lock:
            return self._active()

    def take(self) -> Active | None:
        """Counts one request (or job) and returns the fault it has to suffer, if any."""
        with self._lock:
            self._served += 1
            active = self._active()
            if active is None or active.fault.kind not in ON_REQUESTS:
                return None
            self._faulted += 1
            return active

    def take_probe(self, *, readiness: bool) -> Active | None:
        """Returns the fault that a probe has to suffer: a hang that includes probes, or being told to be unready."""
        with self._lock:
            active = self._active()
            if active is None or not (active.fault.probes or (readiness and active.fault.kind == "unready")):
                return None
            self._faulted += 1
            return active

    async def outlast(self, active: Active, at_most_s: float = math.inf) -> None:
        """Waits until a fault is over, or `at_most_s` seconds; the thread goes on with other work."""
        left = max(0.0, min(at_most_s, active.until - self._clock()))
        await asyncio.wait([asyncio.wrap_future(active.cleared)], timeout=left)

    def state(self) -> dict[str, object]:
        """Returns what GET /fault answers."""
        with self._lock:
            active, last = self._active(), self._last
            until = None if last is None else last.until if self._ended is None else self._ended
            return {
                "active": None if active is None else _shown(active.fault),
                "since_mono": last.since if last else None,
                "until_mono": until,
                "now_mono": self._clock(),
                "faulted_total": self._faulted,
                "served_total": self._served,
                "pod": self._pod,
            }

    def _active(self) -> Active | None:
        last = self._last
        return last if last and self._ended is None and self._clock() < last.until else None


def _shown(fault: Fault) -> dict[str, object]:
    value: float | int | None = None if VALUES[fault.kind] is None else fault.value
    if fault.kind == "status":
        value = int(fault.value)
    return {"kind": fault.kind, "value": value, "for_s": fault.for_s, "probes": fault.probes}
