"""Switching a release: which weights it writes, what proxies say of it, and that it is undone once."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from deploy.errors import Problem
from deploy.paths import DEPLOY
from experiments import guard, ledger, pods, session
from experiments.actions import release

APP, CANARY = "app.shop.svc.cluster.local", "app-canary.shop.svc.cluster.local"
SERVICE = yaml.safe_load((DEPLOY / "istio/traffic/virtualservices/canary-deployment.yaml").read_text())
RULES = SERVICE["spec"]["http"]


def weights(rules: list[dict[str, Any]], name: str) -> dict[str, int]:
    (rule,) = [rule for rule in rules if rule["name"] == name]
    return {each["destination"]["host"]: each["weight"] for each in rule["route"]}


def test_the_whole_weight_goes_to_one_destination_of_one_rule() -> None:
    rules = release.led(RULES, "blue-green", CANARY)
    assert weights(rules, "blue-green") == {APP: 0, CANARY: 100}
    assert weights(rules, "canary") == weights(RULES, "canary") == {APP: 90, CANARY: 10}
    assert release.led(rules, "blue-green", APP) == RULES


@pytest.mark.parametrize(("route", "to"), [("green-blue", CANARY), ("blue-green", "x.shop.svc.cluster.local")])
def test_a_route_or_a_destination_that_is_not_there_is_told(route: str, to: str) -> None:
    with pytest.raises(Problem, match=f"no route {route} has {to}"):
        release.led(RULES, route, to)


def dump(*routes: dict[str, Any]) -> str:
    """A proxy's answer to config_dump?resource=dynamic_route_configs, as far as it matters."""
    hosts = [{"name": "app", "routes": [{"name": "other", "route": {"cluster": "x"}}, *routes]}]
    return json.dumps({"configs": [{"route_config": {"name": "8080", "virtual_hosts": hosts}}]})


def weighted(**percent: int) -> dict[str, Any]:
    names = {"app": APP, "canary": CANARY}
    clusters = [{"name": f"outbound|8080||{names[name]}", "weight": weight} for name, weight in percent.items()]
    return {"name": "blue-green", "route": {"weighted_clusters": {"clusters": clusters}}}


def plain(host: str) -> dict[str, Any]:
    return {"name": "blue-green", "route": {"cluster": f"outbound|8080||{host}"}}


@pytest.mark.parametrize(
    ("routes", "hosts"),
    [
        ((), set()),
        ((plain(APP),), {APP}),
        ((weighted(app=0, canary=100),), {CANARY}),
        ((weighted(app=50, canary=50),), {APP, CANARY}),
        ((plain(APP), weighted(canary=100)), {APP, CANARY}),  # one of several ports is behind
    ],
)
def test_where_a_proxys_route_leads(routes: Any, hosts: set[str]) -> None:
    assert release.leads_to(dump(*routes), "blue-green") == hosts


class Book:
    """A ledger with one switch in it."""

    def __init__(self) -> None:
        self.open = [ledger.Entry("1", release.name_of("blue-green"), {"undo": "restore-object", "manifest": SERVICE})]

    def own(self, fault: str) -> list[ledger.Entry]:
        return [entry for entry in self.open if entry.fault == fault]

    def done(self, entry_id: str) -> None:
        self.open = [entry for entry in self.open if entry.id != entry_id]


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Any:
    told: list[tuple[str, dict[str, Any]]] = []
    recorder = SimpleNamespace(event=lambda kind, **facts: told.append((kind, facts)), told=told)
    found = SimpleNamespace(cluster=SimpleNamespace(), recorder=recorder, ledger=Book())
    monkeypatch.setattr(session, "current", lambda: found)
    monkeypatch.setattr(guard, "unchanged", lambda _: None)
    monkeypatch.setattr(guard, "permit", lambda _: None)
    return found


def test_a_switch_is_rolled_back_once(monkeypatch: pytest.MonkeyPatch, running: Any) -> None:
    restored: list[str] = []

    def restore(_: Any, entry: Any) -> str:
        restored.append(entry["undo"])
        return "restored"

    monkeypatch.setattr("experiments.restore.restore_object", restore)
    assert release.roll_back("canary") == {"rolled_back": []}
    assert release.roll_back("blue-green") == {"rolled_back": ["restored"]}
    assert release.roll_back("blue-green") == {"rolled_back": []}
    assert restored == ["restore-object"]
    ((kind, facts),) = running.recorder.told
    assert (kind, facts["fault"]) == ("fault.ended", "route blue-green is switched")


@pytest.mark.parametrize(("second", "acted"), [(plain(CANARY), True), (plain(APP), False)])
def test_a_switch_is_proven_by_every_proxy(
    monkeypatch: pytest.MonkeyPatch, running: Any, second: dict[str, Any], acted: Any
) -> None:
    patched: list[Any] = []
    resource = SimpleNamespace(
        get=lambda **_: SimpleNamespace(to_dict=lambda: SERVICE), patch=lambda body, **_: patched.append(body)
    )
    shown = {"gw": dump(plain(CANARY)), "caller": dump(second)}
    running.cluster.dynamic = SimpleNamespace(resources=SimpleNamespace(get=lambda **_: resource))
    running.cluster.exec = lambda _, pod, *__, **___: shown[pod]
    monkeypatch.setattr(pods, "find", lambda *_: [SimpleNamespace(name=name, running=True) for name in shown])
    monkeypatch.setattr(release, "inject", lambda _session, _fault, _undos, act, _target: act())
    clients = ["istio-system/app=istio-ingressgateway"]
    proof = release.switch("shop", "releases", "blue-green", CANARY, clients, within_s=60 if acted else 0.2)
    assert proof["acted"] is acted
    assert weights(patched[0]["spec"]["http"], "blue-green") == {APP: 0, CANARY: 100}
    assert proof["observed"]["leads_to"]["istio-system/gw"] == [CANARY]


def test_a_switch_that_changes_nothing_is_none(running: Any) -> None:
    resource = SimpleNamespace(get=lambda **_: SimpleNamespace(to_dict=lambda: SERVICE))
    running.cluster.dynamic = SimpleNamespace(resources=SimpleNamespace(get=lambda **_: resource))
    with pytest.raises(Problem, match=f"leads to {APP} already"):
        release.switch("shop", "releases", "blue-green", APP, [], within_s=1)
