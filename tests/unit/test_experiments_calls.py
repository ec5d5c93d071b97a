"""Whom callers call and with what, and whom they reach: told once all were answered, or all are called again."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.errors import Problem
from experiments import pods, session, traffic
from experiments.actions import calls
from experiments.watch.ejection import EjectionWatcher


class Client(EjectionWatcher):
    """A client's proxy that keeps somebody out at some looks."""

    def __init__(self, client: str, *flagged: frozenset[str]) -> None:
        self.client, self.looks = client, list(flagged)

    @property
    def flagged(self) -> frozenset[str]:  # type: ignore[override]
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


OUT, IN = frozenset({"app-1"}), frozenset[str]()


@pytest.mark.parametrize(
    "headers",
    [{"Host": "elsewhere"}, {"host": "elsewhere"}, {"x-a": "b\r\nHost: c"}, {"x-a\n": "b"}, {"x-a": ""}, {"X-A": "b"}],
)
def test_a_caller_says_in_its_headers_nothing_that_leads_elsewhere(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="headers"):
        traffic.Call(url="/", headers=headers)


@pytest.mark.parametrize("zone", [None, "us-east-1a"])
def test_a_callers_headers_are_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, zone: str | None) -> None:
    from loadtests import run

    began: list[Any] = []

    def start(caller: Any) -> None:
        began.append(caller)

    for kind in (run.HostCaller, run.PodCaller):
        monkeypatch.setattr(kind, "start", start)
    url = "http://app.shop.svc.cluster.local/" if zone else "/"
    call = {"url": url, "zone": zone, "headers": {"x-variant": "b"}}
    plan = traffic.Plan.model_validate({"rate_hz": 1, "duration_s": 1, "callers": {"c": call}})
    place: Any = SimpleNamespace(gateway_url="http://gateway", folder=tmp_path)
    traffic.Traffic(place, place, plan, place)._start_one("c")
    assert began[0].headers == {"x-variant": "b"} | ({} if zone else {"Connection": "close"})


class Sending:
    """Callers that say when somebody waits for them."""

    def __init__(self, duration_s: float | None) -> None:
        self.plan = None if duration_s is None else SimpleNamespace(duration_s=duration_s)
        self.waited = 0

    def wait(self) -> None:
        self.waited += 1

    def names(self) -> list[str]:
        return ["gateway"]


@pytest.mark.parametrize(("duration_s", "waited"), [(60.0, 1), (60.1, 0), (None, 0)])
def test_callers_are_waited_for_if_they_end_in_time(
    monkeypatch: pytest.MonkeyPatch, duration_s: float | None, waited: int
) -> None:
    sending = Sending(duration_s)
    monkeypatch.setattr(session, "current", lambda: SimpleNamespace(traffic=sending))
    if waited:
        assert calls.all_sent(within_s=60) == {"callers": ["gateway"]}
    else:
        with pytest.raises(Problem, match="no callers end within 60 s"):
            calls.all_sent(within_s=60)
    assert sending.waited == waited


def pod(name: str, node: str, *, ready: bool = True) -> Any:
    return SimpleNamespace(name=name, node=node, ready=ready)


@pytest.mark.parametrize(
    ("clients", "out"),
    [
        ([Client("a", IN), Client("b", OUT, OUT, IN)], {"a": [], "b": []}),
        ([Client("a", IN), Client("b", OUT)], {"a": [], "b": ["app-1"]}),
    ],
    ids=["back again", "never back"],
)
def test_the_places_of_the_ready_replicas_are_told_when_all_are_called_again(
    monkeypatch: pytest.MonkeyPatch, clients: Any, out: Any
) -> None:
    found = [pod("app-1", "n1"), pod("app-2", "n2"), pod("app-3", "n2", ready=False)]
    cluster = SimpleNamespace(zone_of=lambda node: f"zone-{node}")
    told: list[Any] = []
    recorder = SimpleNamespace(event=lambda kind, **facts: told.append((kind, facts)))
    running = SimpleNamespace(watchers=clients, cluster=cluster, recorder=recorder, still_watched=lambda: None)
    monkeypatch.setattr(session, "current", lambda: running)
    monkeypatch.setattr(pods, "find", lambda *_: found)
    calls.places("shop", "app", within_s=60 if not out["b"] else 0.2)
    ((kind, facts),) = told
    assert (kind, facts["tier"], facts["out"]) == ("places", "app", out)
    assert facts["zones"] == {"app-1": "zone-n1", "app-2": "zone-n2"}


@pytest.mark.parametrize("watchers", [[], [Client("a", IN)]])
def test_places_of_nobody_are_no_places(monkeypatch: pytest.MonkeyPatch, watchers: Any) -> None:
    monkeypatch.setattr(pods, "find", lambda *_: [] if watchers else [pod("app-1", "n1")])
    running = SimpleNamespace(watchers=watchers, cluster=SimpleNamespace(zone_of=str))
    monkeypatch.setattr(session, "current", lambda: running)
    with pytest.raises(Problem, match="nothing can be told of shop/app"):
        calls.places("shop", "app", within_s=1)
