"""Whether a look at the steady state shows that it held, reckoned anew from what each probe gave.

Chaos Toolkit's own words (`steady_state_met`, `tolerance_met`) are necessary and not enough: it leaves probes out after
the first miss, does not check tolerances of probes in the method, and reads a list as a range.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from reports.journal import Activity, Look, Step


def missed(look: Look | None, declared: Sequence[Step]) -> str | None:
    """Why a look does not show the steady state, in a reader's words; None if it does."""
    if look is None:
        return "it was not looked at"
    if not declared:
        return "the document declares no probe of it"
    if found := list(_misses(look.probes, declared)):
        return ", ".join(found)
    if look.steady_state_met is not True or any(probe.tolerance_met is not True for probe in look.probes):
        return "Chaos Toolkit says that it did not hold"
    return None


def method_misses(run: Sequence[Activity], method: Sequence[Step]) -> Iterator[str]:
    """What probes of the method gave outside the tolerance that the document declares for them."""
    wanted = [step for step in method if step.type == "probe" and step.tolerance is not None]
    yield from _misses([activity for activity in run if activity.type == "probe"], wanted)


def within(tolerance: Any, value: Any) -> bool:
    """Whether a probe's value is what is tolerated: the very bool, text or number, or a number in a declared range.

    Any other tolerance (a pattern, a path, a probe, a bare list) is one that nobody here can reckon: not kept.
    """
    if isinstance(tolerance, bool | str):
        return type(value) is type(tolerance) and value == tolerance
    if isinstance(tolerance, int | float):
        return _number(value) and value == tolerance
    if isinstance(tolerance, dict) and tolerance.get("type") == "range":
        lo, hi = tolerance.get("range") or (math.inf, -math.inf)
        return _number(value) and _number(lo) and _number(hi) and lo <= value <= hi
    return False


def _misses(probes: Sequence[Activity], declared: Sequence[Step]) -> Iterator[str]:
    for step in declared:
        asked = [probe for probe in probes if probe.name == step.name]
        if not asked:
            yield f"{step.name} was not asked"
        for probe in asked:
            if probe.status != "succeeded":
                yield f"{step.name} {probe.status}"
            elif not within(step.tolerance, probe.output):
                yield f"{step.name} gave {str(probe.output)[:80]}, tolerated {_shown(step.tolerance)}"


def _shown(tolerance: Any) -> str:
    if isinstance(tolerance, dict) and tolerance.get("type") == "range":
        return " to ".join(str(end) for end in tolerance.get("range") or ())
    return str(tolerance)[:80]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
