"""Chaos Toolkit's journal, as far as a judge may believe it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator


def _flat(raw: Any) -> Any:
    """Chaos Toolkit nests name and type under `activity`."""
    if not isinstance(raw, dict) or not isinstance(raw.get("activity"), dict):
        return raw
    activity = raw["activity"]
    return {
        **{key: raw[key] for key in ("status", "output", "tolerance_met", "duration") if key in raw},
        "exception": raw.get("exception") or (),
        "name": activity.get("name") or "?",
        "type": activity.get("type") or "?",
    }


@dataclass(frozen=True, slots=True)
class Activity:
    """One entry of the journal's `run`, `rollbacks` or `probes`; `duration` in seconds."""

    name: str
    type: str
    status: str
    output: Any = None
    exception: tuple[str, ...] = ()
    tolerance_met: bool | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One look at the steady state."""

    steady_state_met: bool | None = None
    probes: tuple[Annotated[Activity, BeforeValidator(_flat)], ...] = ()


@dataclass(frozen=True, slots=True)
class SteadyStates:
    """The steady state before and after the method; None where it was not looked at."""

    before: Hypothesis | None = None
    after: Hypothesis | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """What the experiment declared, as far as the judge compares it with what was played."""

    method: tuple[Any, ...] = ()
    rollbacks: tuple[Any, ...] = ()
    configuration: dict[str, Any] = field(default_factory=dict)

    @property
    def users(self) -> int:
        """How many Locust users the document asks for."""
        traffic = self.configuration.get("traffic")
        locust = traffic.get("locust") if isinstance(traffic, dict) else None
        return int(locust.get("users", 0)) if isinstance(locust, dict) else 0


@dataclass(frozen=True, slots=True)
class Journal:
    """Chaos Toolkit's journal. Its own `status` is left out on purpose: it says `completed` when nothing was proven."""

    steady_states: SteadyStates
    run: tuple[Annotated[Activity, BeforeValidator(_flat)], ...] = ()
    rollbacks: tuple[Annotated[Activity, BeforeValidator(_flat)], ...] = ()
    experiment: Document = field(default_factory=Document)
