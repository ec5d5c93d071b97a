"""Chaos Toolkit's journal, as far as a judge may believe it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, Field


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
class Look:
    """One look at the steady state."""

    steady_state_met: bool | None = None
    probes: tuple[Annotated[Activity, BeforeValidator(_flat)], ...] = ()


@dataclass(frozen=True, slots=True)
class SteadyStates:
    """The looks before, while and after the method was played; None where there was none."""

    before: Look | None = None
    after: Look | None = None
    during: tuple[Look | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """An activity as the document declares it; `tolerance` is None where it tolerates anything."""

    name: str = "?"
    type: str = "?"
    tolerance: Any = None


@dataclass(frozen=True, slots=True)
class Declared:
    """The steady state as the document declares it."""

    probes: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class HypothesisRuntime:
    """When the steady state is to be looked at."""

    strategy: str = "default"


@dataclass(frozen=True, slots=True)
class Runtime:
    """How the document is to be played."""

    hypothesis: HypothesisRuntime = field(default_factory=HypothesisRuntime)


@dataclass(frozen=True, slots=True)
class Document:
    """What the experiment declared, as far as the judge compares it with what was played."""

    method: tuple[Step, ...] = ()
    rollbacks: tuple[Step, ...] = ()
    configuration: dict[str, Any] = field(default_factory=dict)
    runtime: Runtime = field(default_factory=Runtime)
    steady_state: Annotated[Declared, Field(alias="steady-state-hypothesis")] = field(default_factory=Declared)

    @property
    def users(self) -> int:
        """How many Locust users the document asks for."""
        traffic = self.configuration.get("traffic")
        locust = traffic.get("locust") if isinstance(traffic, dict) else None
        return int(locust.get("users", 0)) if isinstance(locust, dict) else 0

    @property
    def looks_during(self) -> bool:
        """Whether the steady state is to be looked at while the method is played."""
        return self.runtime.hypothesis.strategy in {"continuously", "during-method-only"}


@dataclass(frozen=True, slots=True)
class Journal:
    """Chaos Toolkit's journal. Its own `status` is left out on purpose: it says `completed` when nothing was proven."""

    steady_states: SteadyStates
    run: tuple[Annotated[Activity, BeforeValidator(_flat)], ...] = ()
    rollbacks: tuple[Annotated[Activity, BeforeValidator(_flat)], ...] = ()
    experiment: Document = field(default_factory=Document)
