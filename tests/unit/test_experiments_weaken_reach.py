"""A negative control begins when every proxy that runs has the change; who is replaced is none of them any more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deploy.errors import Problem
from experiments import catalogue, pods, pushes, weaken

PROXIES = pushes.Proxies(pods="shop/app=app", config="config_dump", about="app.shop", lacks="outlier")
HAS_IT, NOT_YET = "app.shop", "app.shop outlier"


def pod(name: str, *, running: bool = True) -> Any:
    return SimpleNamespace(name=name, running=running)


def reach(
    monkeypatch: pytest.MonkeyPatch,
    lists: list[list[Any]],
    answers: dict[str, list[str]],
    *,
    back: bool = False,
    proxies: pushes.Proxies = PROXIES,
) -> list[str]:
    """Lists and answers come one after the other, the last one again and again; returns who was asked."""
    asked: list[str] = []

    def ask(_namespace: str, name: str, *_: Any, **__: Any) -> str:
        asked.append(name)
        if not answers.get(name):
            raise Problem(f"there is no pod {name}")
        return answers[name].pop(0) if len(answers[name]) > 1 else answers[name][0]

    monkeypatch.setattr(pods, "find", lambda *_: lists.pop(0) if len(lists) > 1 else lists[0])
    pushes.reached(SimpleNamespace(exec=ask), proxies, back=back)  # type: ignore[arg-type]
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


def test_a_protection_is_back_when_every_proxy_that_runs_has_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen live: the policies were back at the API server, and 22 s later no proxy had them; the next case was red."""
    answers = {"a": [HAS_IT, HAS_IT, NOT_YET], "b": ["", NOT_YET]}  # one that says nothing yet is not back either
    asked = reach(monkeypatch, [[pod("a"), pod("b")]], answers, back=True)
    assert sorted(asked) == ["a", "a", "a", "b", "b"]
    with pytest.raises(Problem, match="the end of the negative control did not reach the proxies of shop/app=app"):
        reach(monkeypatch, [[pod("a")]], {"a": [HAS_IT]}, back=True)


@pytest.mark.parametrize("back", [False, True])
def test_a_change_of_listeners_is_there_when_nothing_drains(monkeypatch: pytest.MonkeyPatch, *, back: bool) -> None:
    """Seen live: 37 calls went through over connections of before, 20 s after every proxy had its policies again."""
    listeners = PROXIES.model_copy(update={"config": "config_dump?resource=dynamic_listeners"})
    new, old = (NOT_YET, HAS_IT) if back else (HAS_IT, NOT_YET)
    four, none = "listener_manager.total_filter_chains_draining: 4\n", "listener_manager.total_listeners_draining: 0\n"
    done = four.replace("4", "0") + none
    answers = {"a": [old, f"{new} warming_state", new, "", four + none, done]}
    assert len(reach(monkeypatch, [[pod("a")]], answers, back=back, proxies=listeners)) == 6
    with pytest.raises(Problem, match="did not reach the proxies"):
        reach(monkeypatch, [[pod("a")]], {"a": [new, four + none]}, back=back, proxies=listeners)


@pytest.mark.parametrize("name", catalogue.names())
def test_every_control_says_what_its_proxies_show_only_while_it_lasts(name: str) -> None:
    experiment = catalogue.find(name)
    for control in experiment.controls:
        for proxies in weaken.load(experiment.control_file(control)).proxies:
            assert proxies.lacks or proxies.has, "it could not be told when the protection is back"
