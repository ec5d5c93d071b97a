"""The load on tracing: what counts as proof, when it ends, and that it ends whatever happens."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from deploy import waiting
from deploy.errors import Problem
from experiments import guard, session, undo
from experiments.actions import trace_load
from loadtests import run
from tests.unit.clock import Clock

if TYPE_CHECKING:
    from pathlib import Path

COLLECTOR, QUERY = trace_load.COLLECTOR, trace_load.QUERY
LEAST, MORE = {COLLECTOR: 3, QUERY: 2}, {COLLECTOR: 4, QUERY: 3}
LOAD: Any = {"zones": ["a"], "traces_hz": 100, "searches_hz": 5, "timeout_s": 5, "hold_s": 100, "settle_s": 60}


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
    """A platform whose replicas are `grown` from 30 s of load on, and `left` from 40 s after its end on."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.used: dict[str, str | None] = {COLLECTOR: "73m", QUERY: "51m"}
        self.grown, self.left = dict(MORE), dict(LEAST)
        self.loads: dict[str, list[float]] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.session: Any = SimpleNamespace(
            cluster=SimpleNamespace(url=lambda service: f"http://{service}"),
            recorder=SimpleNamespace(event=lambda kind, **fields: self.events.append((kind, fields)), folder=folder),
            ledger=None,
            ready={"tracing": SimpleNamespace(counts=self.counts)},
        )

    def counts(self) -> dict[str, Any]:
        begun, ends = self.loads["traces"][0], self.loads["traces"][1:]
        many = self.grown if self.clock.now_s - begun >= 30 else LEAST
        if ends and self.clock.now_s - ends[0] >= 40:
            many = self.left
        return {tier: SimpleNamespace(ready=ready) for tier, ready in many.items()}

    def load(self, name: str) -> Any:
        def noted() -> None:
            self.loads.setdefault(name, []).append(self.clock.now_s)

        return lambda *_, **__: SimpleNamespace(start=noted, stop=noted)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    made = World(tmp_path)
    monkeypatch.setattr(waiting, "time", made.clock)
    monkeypatch.setattr(session, "current", lambda: made.session)
    monkeypatch.setattr(guard, "permit", lambda _: None)
    monkeypatch.setattr(undo, "require_rights", lambda *_: None)
    monkeypatch.setattr(trace_load, "Traffic", made.load("traces"))
    monkeypatch.setattr(run, "HostCaller", made.load("searches"))
    monkeypatch.setattr(trace_load, "_autoscaler", lambda _, tier: autoscaler(LEAST[tier], made.used[tier]))
    return made


def test_the_load_ends_when_there_are_more_of_both_and_the_action_when_there_are_the_least(world: World) -> None:
    proof = trace_load.overload(**LOAD)
    assert world.loads == {"traces": [0, 30], "searches": [0, 30]}
    assert world.clock.now_s == 70
    assert [kind for kind, _ in world.events] == ["fault.intent", "fault.started", "fault.ended", "fault.proof"]
    assert world.events[1][1]["target"] == {"least": LEAST}
    assert proof["acted"]
    assert proof["observed"] == {
        COLLECTOR: {"used_cores": 0.073, "wanted_cores": 0.05},
        QUERY: {"used_cores": 0.051, "wanted_cores": 0.05},
    }


@pytest.mark.parametrize("tier", LEAST)
@pytest.mark.parametrize("used", ["50m", None])
def test_a_load_that_one_of_them_did_not_feel_proves_nothing(world: World, tier: str, used: str | None) -> None:
    world.used[tier] = used
    assert not trace_load.overload(**LOAD)["acted"]


@pytest.mark.parametrize("tier", LEAST)
def test_a_tier_that_does_not_grow_is_loaded_to_the_end(world: World, tier: str) -> None:
    world.grown[tier] = LEAST[tier]
    assert trace_load.overload(**LOAD)["acted"]
    assert world.loads["traces"] == [0, LOAD["hold_s"]]


def test_replicas_that_stay_are_the_judges_business(world: World) -> None:
    world.left = dict(MORE)
    assert trace_load.overload(**LOAD)["acted"]
    assert world.clock.now_s == 30 + LOAD["settle_s"]


def test_a_load_that_cannot_begin_leaves_none_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        def start() -> None:
            raise Problem("it did not begin", fix="see its log")

        return SimpleNamespace(start=start, stop=lambda: None)

    monkeypatch.setattr(run, "HostCaller", refused)
    with pytest.raises(Problem, match="did not begin"):
        trace_load.overload(**LOAD)
    assert world.loads["traces"] == [0, 0]
    assert [kind for kind, _ in world.events] == ["fault.intent"]
