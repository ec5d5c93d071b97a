"""Whom callers call and with what, and whom they reach: told once all were answered, or all are called again."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from deploy.errors import Problem
from experiments import pods, session, traffic
from experiments.actions import calls, workload
from experiments.watch.ejection import EjectionWatcher


class Client(EjectionWatcher):
    """A client's proxy that keeps somebody out at some looks."""

    def __init__(self, client: str, *flagged: frozenset[str], of: str = "app-1") -> None:
        self.client, self.looks = client, list(flagged)
        self.hosts = {"10.0.0.1": of}

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
    return SimpleNamespace(name=name, node=node, ready=ready, uid=f"uid-{name}", ip="10.0.0.1")


@pytest.mark.parametrize(
    ("clients", "out"),
    [
        ([Client("a", IN), Client("b", OUT, OUT, IN)], {"a": [], "b": []}),
        ([Client("a", IN), Client("b", OUT)], {"a": [], "b": ["app-1"]}),
        ([Client("b", IN), Client("b", frozenset({"api-1"}), of="api-1")], {"b": []}),
    ],
    ids=["back again", "never back", "another tier is watched too"],
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
    calls.places("shop", "app", within_s=0.2 if out["b"] else 60)
    ((kind, facts),) = told
    assert (kind, facts["tier"], facts["out"]) == ("places", "app", out)
    assert facts["zones"] == {"app-1": "zone-n1", "app-2": "zone-n2"}


@pytest.mark.parametrize(
    ("watchers", "there"),
    [([], [pod("app-1", "n1")]), ([Client("a", IN)], []), ([Client("a", IN, of="api-1")], [pod("app-1", "n1")])],
    ids=["nobody watches", "no replica", "another tier is watched"],
)
def test_places_of_nobody_are_no_places(monkeypatch: pytest.MonkeyPatch, watchers: Any, there: Any) -> None:
    monkeypatch.setattr(pods, "find", lambda *_: there)
    running = SimpleNamespace(watchers=watchers, cluster=SimpleNamespace(zone_of=str))
    monkeypatch.setattr(session, "current", lambda: running)
    with pytest.raises(Problem, match="nothing can be told of shop/app"):
        calls.places("shop", "app", within_s=1)


class Switch:
    """The switches of replicas that remember what they were told."""

    told: ClassVar[list[Any]] = []

    def __init__(self, _cluster: Any, namespace: str, app: str) -> None:
        self.namespace, self.app = namespace, app

    def set_delay(self, replicas: Any, delay_s: float, for_s: float) -> None:
        self.told.append(([replica.name for replica in replicas], delay_s, for_s))

    def states(self, replicas: Any) -> list[dict[str, Any]]:
        return [{"pod": replica.name, "served_total": 10 * len(replica.name)} for replica in replicas]


def test_replicas_count_for_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [pod("api-1", "n1"), pod("api-22", "n1"), pod("api-333", "n1", ready=False)]
    told: list[Any] = []
    recorder = SimpleNamespace(event=lambda kind, **facts: told.append((kind, facts)))
    monkeypatch.setattr(session, "current", lambda: SimpleNamespace(cluster=None, recorder=recorder))
    monkeypatch.setattr(pods, "find", lambda *_: there)
    monkeypatch.setattr(workload, "Switch", Switch)
    counts = {"api-1": 50, "api-22": 60}
    assert workload.count_served("shop", "api") == {"served": counts}
    ((kind, facts),) = told
    assert (kind, facts["tier"], facts["counts"], facts["lo"] <= facts["hi"]) == ("served", "api", counts, True)


def test_a_slow_replica_is_told_for_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def inject(_session: Any, fault: str, undos: Any, act: Any, target: Any) -> None:
        asked.append((fault, undos[0]["undo"], target["pods"], target["delay_s"]))
        act()

    monkeypatch.setattr(session, "current", lambda: SimpleNamespace(cluster=None))
    monkeypatch.setattr(pods, "find", lambda *_: [pod("api-1", "n1")])
    monkeypatch.setattr(workload, "Switch", Switch)
    monkeypatch.setattr(workload, "inject", inject)
    workload.slow_replicas("shop", "api", count=1, delay_s=0.6, hold_s=40)
    assert asked == [("replicas of shop/api answer late", "clear-fault", ["api-1"], 0.6)]
    assert Switch.told == [(["api-1"], 0.6, 100)]
