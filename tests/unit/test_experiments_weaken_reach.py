"""A negative control begins when every proxy that runs has the change; who is replaced is none of them any more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deploy.errors import Problem
from deploy.waiting import eventually
from experiments import pods, weaken

PROXIES = weaken.Proxies(pods="shop/app=app", config="config_dump", about="app.shop", lacks="outlier")
HAS_IT, NOT_YET = "app.shop", "app.shop outlier"


def pod(name: str, *, running: bool = True) -> Any:
    return SimpleNamespace(name=name, running=running)


def reach(monkeypatch: pytest.MonkeyPatch, lists: list[list[Any]], answers: dict[str, list[str]]) -> list[str]:
    """Lists and answers come one after the other, the last one again and again; returns who was asked."""
    asked: list[str] = []

    def ask(_namespace: str, name: str, *_: Any, **__: Any) -> str:
        asked.append(name)
        if not answers.get(name):
            raise Problem(f"there is no pod {name}")
        return answers[name].pop(0) if len(answers[name]) > 1 else answers[name][0]

    monkeypatch.setattr(pods, "find", lambda *_: lists.pop(0) if len(lists) > 1 else lists[0])
    monkeypatch.setattr(weaken, "PROXY_S", 0.2)
    monkeypatch.setattr(weaken, "eventually", lambda *given, **named: eventually(*given, **named | {"every_s": 0.01}))
    weaken._reached(SimpleNamespace(exec=ask), PROXIES)  # type: ignore[arg-type]
    return asked


def test_each_is_asked_until_it_has_it_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = reach(monkeypatch, [[pod("a"), pod("b")]], {"a": [HAS_IT], "b": [NOT_YET, HAS_IT]})
    assert sorted(asked) == ["a", "b", "b"]


def test_one_that_is_replaced_is_waited_for_no_more_and_its_successor_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = reach(monkeypatch, [[pod("old")], [pod("new")]], {"new": [NOT_YET, HAS_IT]})
    assert asked == ["old", "new", "new"]


@pytest.mark.parametrize(("there", "said"), [([pod("a")], "last value: {'a'}"), ([], "last value: set()")])
def test_who_never_gets_it_and_nobody_at_all_are_said_so(
    monkeypatch: pytest.MonkeyPatch, there: list[Any], said: str
) -> None:
    with pytest.raises(Problem, match="did not reach the proxies of shop/app=app") as problem:
        reach(monkeypatch, [there], {"a": [NOT_YET]})
    assert said in problem.value.why


def test_who_does_not_run_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reach(monkeypatch, [[pod("a"), pod("b", running=False)]], {"a": [HAS_IT]}) == ["a"]
