"""Nobody is kept out when a case begins that needs so, nor after one that ejects, and what was done for it is told."""

from __future__ import annotations

import json
from contextlib import nullcontext
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from deploy.errors import Problem
from experiments import pods, readmission
from experiments.collect import envoy
from experiments.ledger import Ledger
from experiments.radius import Radius, Thing
from experiments.record import Recorder, read_lines

if TYPE_CHECKING:
    from pathlib import Path

NEEDS = Radius(disturbs=frozenset(), needs=frozenset({Thing.EJECTIONS}))
DISTURBS = Radius(disturbs=frozenset({Thing.EJECTIONS}), needs=frozenset())
NOTHING = Radius(disturbs=frozenset({Thing.POSTGRES}), needs=frozenset())
UPSTREAM = "outbound|8080||app.shop.svc.cluster.local"
REPLICA = "10.244.1.7"


def test_who_is_kept_out_is_read_from_every_cluster_of_a_proxy() -> None:
    upstreams = {
        UPSTREAM: {
            "10.244.1.7:8080::health_flags": "/failed_outlier_check",
            "10.244.1.8:8080::health_flags": "healthy",
            "10.244.1.9:8080::rq_error": "3",
        },
        "outbound|8080||api.shop.svc.cluster.local": {
            "10.244.2.7:8080::health_flags": "/failed_active_hc/failed_outlier_check"
        },
    }
    assert sorted(readmission.ejected(upstreams)) == ["10.244.1.7", "10.244.2.7"]
    assert not list(readmission.ejected({}))


class Proxies:
    """A gateway and a caller; each lets in whom it keeps out at the second look after its runtime says so."""

    def __init__(self, *keeping: str) -> None:
        self.keeping, self.deaf = set(keeping), set[str]()
        self.runtime: dict[str, str] = {}
        self.told: list[tuple[str, str]] = []
        self.gone = set[str]()
        self.sweeps = True

    def find(self, _: Any, namespace: str, selector: str = "") -> list[Any]:
        names = {"istio-system": ["gateway"], "callers": ["caller"], "shop": [] if selector else ["app-1"]}[namespace]
        made = [
            SimpleNamespace(namespace=namespace, name=each, running=True, sidecar=True, ip=REPLICA) for each in names
        ]
        return [pod for pod in made if pod.name not in self.gone]

    def override(self, _: Any, client: Any, key: str, value: str) -> None:
        if client.name in self.deaf:
            raise OSError("it does not answer")
        assert key == "outlier_detection.base_ejection_time_ms"
        self.told.append((client.name, value))
        self.runtime[client.name] = value

    def clusters_of(self, _: Any, client: Any, namespace: str) -> dict[str, dict[str, str]]:
        if client.name in self.deaf:
            raise OSError("it does not answer")
        if client.name not in self.keeping or namespace != "shop":
            return {}
        if self.sweeps and self.runtime.get(client.name) == "1":
            self.keeping.discard(client.name)  # seen from the next look on
        return {UPSTREAM: {f"{REPLICA}:8080::health_flags": "/failed_outlier_check"}}


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Proxies:
    one = Proxies("gateway")
    ledger = Ledger(tmp_path / "ledger.ndjson", "test")
    monkeypatch.setattr(readmission, "EVERY_S", 0.01)
    monkeypatch.setattr(pods, "find", one.find)
    monkeypatch.setattr(envoy, "override", one.override)
    monkeypatch.setattr(envoy, "clusters_of", one.clusters_of)
    monkeypatch.setattr(Ledger, "of", lambda _: ledger)
    return one


@pytest.fixture
def settle(tmp_path: Path) -> Any:
    cluster: Any = SimpleNamespace(name="test")

    def run(radius: Radius) -> list[str]:
        recorder = Recorder(tmp_path)
        with readmission.settled(cluster, radius, recorder):
            recorder.note("the case")
        return [event["text"] for event in read_lines(tmp_path / "events.ndjson")]

    return run


def test_a_proxy_that_keeps_somebody_out_is_made_to_let_in_and_then_ejects_as_configured(
    proxies: Proxies, settle: Any, tmp_path: Path
) -> None:
    told, case = settle(NEEDS)
    assert told.startswith("kept out, let in within ")
    assert told.endswith(" s: app-1")
    assert case == "the case"
    assert proxies.told == [("gateway", "1"), ("gateway", "")], "those that keep nobody out are left alone"
    assert not Ledger.of("test").open()
    (intent, _) = read_lines(tmp_path / "ledger.ndjson")
    assert intent["undo"] == {"undo": "forget-overrides", "proxies": [["istio-system", "gateway"]]}


def test_whom_a_case_had_ejected_is_let_in_after_it(proxies: Proxies, tmp_path: Path) -> None:
    proxies.keeping.clear()
    cluster: Any = SimpleNamespace(name="test")
    with readmission.settled(cluster, DISTURBS, Recorder(tmp_path)):
        assert not proxies.told
        proxies.keeping.add("caller")
    assert proxies.told == [("caller", "1"), ("caller", "")]


def test_one_that_failed_is_left_as_it_is(proxies: Proxies, tmp_path: Path) -> None:
    proxies.keeping.clear()
    cluster: Any = SimpleNamespace(name="test")

    def case() -> None:
        with readmission.settled(cluster, DISTURBS, Recorder(tmp_path)):
            proxies.keeping.add("caller")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        case()
    assert not proxies.told


def test_a_case_that_has_nothing_to_do_with_it_is_not_held_up(proxies: Proxies, settle: Any) -> None:
    assert settle(NOTHING) == ["the case"]
    assert not proxies.told


def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few looks are all the patience there is, however busy this machine."""
    seconds = count(step=0.02)
    monkeypatch.setattr(readmission, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    monkeypatch.setattr(readmission, "WITHIN_S", 0.05)


def test_who_stays_out_does_not_keep_the_case_from_running_and_is_named(
    proxies: Proxies, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    short(monkeypatch)
    monkeypatch.setattr(readmission, "SWEPT_S", 0.02)
    proxies.sweeps = False
    assert [text.partition(":")[2] for text in settle(NEEDS)] == [" app-1", "", " app-1"]
    assert set(proxies.runtime.values()) == {""}


def test_a_proxy_that_cannot_be_told_to_forget_stays_in_the_ledger_until_it_can(
    proxies: Proxies, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    short(monkeypatch)
    hear = proxies.override

    def half(cluster: Any, client: Any, key: str, value: str) -> None:
        hear(cluster, client, key, value)
        proxies.deaf.add(client.name)

    monkeypatch.setattr(envoy, "override", half)
    with pytest.raises(Problem, match="gateway"):
        settle(NEEDS)
    (entry,) = Ledger.of("test").open()
    monkeypatch.setattr(envoy, "override", hear)
    proxies.deaf.clear()
    cluster: Any = None
    assert readmission.forget(cluster, entry.undo) == "1 proxies eject for as long as configured"
    assert proxies.runtime == {"gateway": ""}


def test_what_a_proxy_was_told_went_with_it(proxies: Proxies) -> None:
    proxies.gone.add("gateway")
    cluster: Any = None
    readmission.forget(cluster, {"proxies": [["istio-system", "gateway"]]})
    assert not proxies.told


class Admin:
    """Envoy's admin port, with a runtime whose layers are told as Envoy tells them."""

    def __init__(self) -> None:
        self.runtime: dict[str, str] = {}
        self.answered = ""

    def request(self, method: str, path: str) -> None:
        if method == "POST":
            key, _, value = path.removeprefix("/runtime_modify?").partition("=")
            self.runtime[key] = value
            self.answered = "OK\n"
            return
        assert path == "/runtime"
        entries = {"envoy.http": {"final_value": "true", "layer_values": ["true", ""]}}
        entries |= {key: {"final_value": value, "layer_values": ["", value]} for key, value in self.runtime.items()}
        self.answered = json.dumps({"layers": ["global config", "admin"], "entries": entries})

    def getresponse(self) -> Any:
        return SimpleNamespace(status=200, read=self.answered.encode)


def test_what_a_proxy_was_told_is_seen_until_it_forgets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = Admin()
    nobody: Any = None
    monkeypatch.setattr(envoy, "_admin", lambda *_: nullcontext(admin))
    monkeypatch.setattr(readmission, "_clients", lambda _: [SimpleNamespace(name="gateway")])
    assert readmission.overridden(nobody) == []
    envoy.override(nobody, nobody, readmission.LASTS, "1")
    assert readmission.overridden(nobody) == ["gateway"]
    envoy.override(nobody, nobody, readmission.LASTS, "")
    assert readmission.overridden(nobody) == []
