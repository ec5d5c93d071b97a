"""A fault is held until every caller's proxies have counted it, and not for ever."""

from types import SimpleNamespace
from typing import Any

import pytest

from deploy.errors import Problem
from experiments import session
from experiments.probes import proxies
from experiments.watch.counters import CounterWatcher
from tests.unit.clock import Clock


class Proxy(CounterWatcher):
    """A proxy that has counted more at each look."""

    def __init__(self, caller: str, *looks: int) -> None:
        self.caller, self.looks = caller, list(looks)
        self.first = {"errors": looks[0]}

    @property
    def last(self) -> dict[str, int]:  # type: ignore[override]
        return {"errors": self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]}


@pytest.mark.parametrize(
    ("watchers", "risen"),
    [
        ([Proxy("a", 5, 5, 7), Proxy("b", 0, 0, 0, 1)], {"a": 2, "b": 1}),
        ([Proxy("a", 5, 6), Proxy("a", 5), Proxy("b", 0)], {"a": 1, "b": 0}),
    ],
    ids=["all", "one never"],
)
def test_it_is_held_until_every_caller_has_met_it_and_a_tail(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, watchers: Any, risen: dict[str, int]
) -> None:
    running = SimpleNamespace(watchers=[*watchers, SimpleNamespace()], still_watched=lambda: None)
    monkeypatch.setattr(session, "current", lambda: running)
    told = proxies.all_met("errors", within_s=60, tail_s=8)
    assert told["risen"] == risen
    assert clock.now_s >= 8


def test_what_nobody_counts_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "current", lambda: SimpleNamespace(watchers=[]))
    with pytest.raises(Problem, match="nobody counts"):
        proxies.all_met("errors", within_s=60, tail_s=8)
