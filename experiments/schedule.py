"""Which case runs when: pure functions from cases, what each disturbs and how long each is expected to take.

List scheduling: whenever there is room, the first of a list that nothing keeps from running is begun. The list begins
with the longest; changes of places, drawn with a fixed seed, are tried in thought and kept where they save time.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from experiments.radius import Radius

TRIES = 200
# Callers share time only as far as the machine can answer them: 42 requests a second on two processors, beside the
# platform, made every call of two cases late, and nothing was proven. One case may ask for more, alone.
CALLS_HZ_MAX = 12.0 * (os.cpu_count() or 1)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Something to run: a name that nothing else has, what it disturbs, how long it is expected to take.

    Compared by identity, since an order is found by comparing them a hundred thousand times.

    Attributes:
        calls_hz: requests a second of its callers and users.
    """

    name: str
    radius: Radius
    expected_s: float
    calls_hz: float = 0


@dataclass(frozen=True, slots=True)
class Slot:
    """A task's place in a plan, seconds from the beginning."""

    task: Task
    begin_s: float
    end_s: float


def order(tasks: Iterable[Task], at_once: int, tries: int = TRIES) -> list[Task]:
    """Returns tasks in the order in which they are to be tried; the same tasks give the same order.

    Args:
        tasks: in any order.
        at_once: how many may run at the same time.
        tries: how many changes of places are tried in thought.
    """
    best = sorted(tasks, key=lambda task: (-task.expected_s, task.name))
    best_s, shuffled = makespan_s(plan(best, at_once)), random.Random(0)  # noqa: S311 - nothing secret
    for _ in range(tries if best else 0):
        other = best[:]
        other.insert(shuffled.randrange(len(other)), other.pop(shuffled.randrange(len(other))))
        took_s = makespan_s(plan(other, at_once))
        if took_s < best_s:
            best, best_s = other, took_s
    return best


def startable(waiting: Sequence[Task], running: Sequence[Task], at_once: int) -> Task | None:
    """Returns the first waiting task that may begin now, None if none may.

    Args:
        waiting: in the order in which they are tried.
        running: what runs now.
        at_once: how many may run at the same time.
    """
    if len(running) >= at_once:
        return None
    return next((task for task in waiting if not any(_conflict(task, other) for other in running)), None)


def plan(tasks: Sequence[Task], at_once: int) -> list[Slot]:
    """Returns when each task would run, tried in this order, if each took as long as is expected."""
    waiting, running, slots = list(tasks), list[Slot](), list[Slot]()
    now = 0.0
    while waiting or running:
        while task := startable(waiting, [slot.task for slot in running], at_once):
            waiting.remove(task)
            running.append(Slot(task, now, now + task.expected_s))
            slots.append(running[-1])
        now = min(slot.end_s for slot in running)
        running = [slot for slot in running if slot.end_s > now]
    return slots


def makespan_s(slots: Iterable[Slot]) -> float:
    """Returns when the last task of a plan ends."""
    return max((slot.end_s for slot in slots), default=0.0)


@cache
def _conflict(one: Task, other: Task) -> bool:
    both_call = one.calls_hz > 0 and other.calls_hz > 0
    return one.radius.conflicts(other.radius) or (both_call and one.calls_hz + other.calls_hz > CALLS_HZ_MAX)
