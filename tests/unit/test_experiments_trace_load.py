"""The load on tracing: what counts as proof, when it ends, and that it ends whatever happens."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from deploy.errors import Problem
from experiments import guard, session, undo
from experiments.actions import trace_load
from experiments.probes import tracing
from loadtests import run
from tests.unit.clock import Clock

if TYPE_CHECKING:
    from pathlib import Path

COLLECTOR, QUERY = trace_load.COLLECTOR, trace_load.QUERY
LEAST, MORE = {COLLECTOR: 3, QUERY: 2}, {COLLECTOR: 4, QUERY: 3}
LOAD: Any = {"zones": ["a"], "traces_hz": 100, "searches_hz": 5, "timeout_s": 5, "each_s": 100, "settle_s": 60}


def autoscaler(least: int, used: str | None) -> Any:
    """One that wants 50 milli-processors a pod, and some memory."""

    def metric(name: str, which: str, value: str) -> Any:
        return SimpleNamespace(resource=SimpleNamespace(name=name, **{which: SimpleNamespace(average_value=value)}))

    seen = [metric("memory", "current", "900"), metric("cpu", "current", used)] if used else None
    wanted = [metric("cpu", "target", "50m"), metric("memory", "target", "1000")]
    return SimpleNamespace(
        spec=SimpleNamespace(min_replicas=least, metrics=wanted), status=SimpleNamespace(current_metrics=seen)
    )


class World:
    """A platform: replicas are `grown` from 30 s of their load on, and `left` from 40 s after its end on."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock = clock
        self.used: dict[str, str | None] = {COLLECTOR: "73m", QUERY: "51m"}
        self.grown, self.left = dict(MORE), dict(LEAST)
        self.loads: dict[str, list[float]] = {}  # when each began and ended
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.notes: list[str] = []
        cluster: Any = SimpleNamespace(url=lambda service: f"http://{service}")
        recorder: Any = SimpleNamespace(
            event=lambda kind, **fields: self.events.append((kind, fields)), folder=folder, note=self.notes.append
        )
        ready: Any = {"tracing": SimpleNamespace(counts=self.counts)}
        self.session = session.Session(cluster, recorder, {}, traffic=SimpleNamespace())  # type: ignore[arg-type]
        vars(self.session).update(ledger=None, ready=ready)

    def counts(self) -> dict[str, Any]:
        return {tier: SimpleNamespace(ready=self.ready(tier, *self.loads.get(tier, []))) for tier in LEAST}

    def ready(self, tier: str, begun: float = math.inf, ended: float = math.inf) -> int:
        if self.clock.now_s >= ended + 40:
            return self.left[tier]
        return self.grown[tier] if self.clock.now_s >= begun + 30 else LEAST[tier]

    def load(self, tier: str) -> Any:
        def noted() -> None:
            self.loads.setdefault(tier, []).append(self.clock.now_s)

        return lambda *_, **__: SimpleNamespace(start=noted, stop=noted)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: Clock) -> World:
    made = World(tmp_path, clock)
    monkeypatch.setattr(session, "current", lambda: made.session)
    monkeypatch.setattr(guard, "permit", lambda _: None)
    monkeypatch.setattr(undo, "require_rights", lambda *_: None)
    monkeypatch.setattr(trace_load, "Traffic", made.load(COLLECTOR))
    monkeypatch.setattr(run, "HostCaller", made.load(QUERY))
    monkeypatch.setattr(trace_load, "_autoscaler", lambda _, tier: autoscaler(LEAST[tier], made.used[tier]))
    return made


def test_each_load_ends_when_there_are_more_and_the_action_when_there_are_the_least(world: World) -> None:
    proofs = trace_load.overload(**LOAD)
    assert world.loads == {COLLECTOR: [0, 30], QUERY: [30, 60]}
    assert world.clock.now_s == 100
    one = ["fault.intent", "fault.started", "fault.ended", "fault.proof"]
    assert [kind for kind, _ in world.events] == [*one, *one]
    started = [fields["target"] for kind, fields in world.events if kind == "fault.started"]
    assert started == [{"tier": COLLECTOR, "least": 3}, {"tier": QUERY, "least": 2}]
    assert {tier: proof["observed"] for tier, proof in proofs.items()} == {
        COLLECTOR: {"used_cores": 0.073, "wanted_cores": 0.05},
        QUERY: {"used_cores": 0.051, "wanted_cores": 0.05},
    }
    assert all(proof["acted"] for proof in proofs.values())


@pytest.mark.parametrize("tier", LEAST)
@pytest.mark.parametrize("used", ["50m", None])
def test_a_load_that_was_not_felt_proves_nothing(world: World, tier: str, used: str | None) -> None:
    world.used[tier] = used
    assert {tier: proof["acted"] for tier, proof in trace_load.overload(**LOAD).items()} == {
        each: each != tier for each in LEAST
    }


def test_a_tier_that_does_not_grow_is_loaded_to_the_end(world: World) -> None:
    world.grown = dict(LEAST)
    assert all(proof["acted"] for proof in trace_load.overload(**LOAD).values())
    assert world.loads == {COLLECTOR: [0, LOAD["each_s"]], QUERY: [LOAD["each_s"], 2 * LOAD["each_s"]]}


def test_replicas_that_stay_are_the_judges_business(world: World) -> None:
    world.left = dict(MORE)
    assert all(proof["acted"] for proof in trace_load.overload(**LOAD).values())
    assert world.clock.now_s == 60 + LOAD["settle_s"]


def test_a_load_that_cannot_begin_leaves_none_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    def refused(*_: Any, **__: Any) -> Any:
        def start() -> None:
            raise Problem("it did not begin", fix="see its log")

        return SimpleNamespace(start=start, stop=lambda: ended.append("searches"))

    monkeypatch.setattr(run, "HostCaller", refused)
    with pytest.raises(Problem, match="did not begin"):
        trace_load.overload(**LOAD)
    assert ended == ["searches"]
    assert world.events[-1][0] == "fault.intent"


@pytest.mark.parametrize(("within_s", "rests"), [(30, False), (40, True)])
def test_tracing_is_at_rest_when_there_are_the_least_of_both(world: World, within_s: float, rests: Any) -> None:
    world.loads, world.clock.now_s = {COLLECTOR: [-100, 0], QUERY: [-100, -90]}, 0
    assert tracing.at_rest(within_s) is rests
    assert ["4" in note for note in world.notes] == [True] * (not rests)
