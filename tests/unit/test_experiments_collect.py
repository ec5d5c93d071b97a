"""What is collected around a case: every answer, every empty answer and every failure is told, and nothing waits."""

import json
import threading
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments import catalogue, collect, pods, runner
from experiments.collect import envoy, kubernetes, prometheus, velero
from experiments.collect.scene import Scene
from experiments.documents import Document
from experiments.record import Recorder, read_lines
from experiments.traffic import Plan
from reports.events import parse_event
from reports.reader import is_case, read_case
from reports.surroundings import Collected


def scene(folder: Path, area: str = "mesh", **more: Any) -> Scene:
    return Scene(SimpleNamespace(), Recorder(folder), area, more.get("watch", {}), more.get("zones", []), 0.0)  # type: ignore[arg-type]


def facts(folder: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((folder / "collected" / f"{name}.json").read_text()))


def test_answers_empty_answers_and_failures_are_all_told(tmp_path: Path) -> None:
    def fails() -> None:
        raise ConnectionError("refused")

    def does_not_know(_: Scene) -> dict[str, Any]:
        raise LookupError("no such pods")

    questions = {"full": lambda: [1], "empty": list, "fails": fails}
    collect.collect(scene(tmp_path), "after", {"a": lambda _: questions, "b": does_not_know, "none": lambda _: {}})
    told = facts(tmp_path, "a-after")
    assert told["answers"] == {"full": [1], "empty": []}
    assert told["empty"] == ["empty"]
    assert told["failed"] == {"fails": "ConnectionError: refused"}
    assert told["begun"]["mono"] <= told["ended"]["mono"]
    assert facts(tmp_path, "b-after")["failed"] == {"what to ask": "LookupError: no such pods"}
    assert not (tmp_path / "collected" / "none-after.json").exists()
    lines = (tmp_path / "events.ndjson").read_text().splitlines()
    first, second = map(parse_event, lines)
    assert isinstance(first, Collected)
    assert isinstance(second, Collected)
    assert (first.file, first.asked, first.empty) == ("collected/a-after.json", 3, ("empty",))
    assert first.failed == {"fails": "ConnectionError: refused"}
    assert read_case(tmp_path).of(Collected) == (first, second)
    assert not is_case(tmp_path / "collected")


def test_a_question_without_an_answer_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "WITHIN_S", 0.2)
    over = threading.Event()

    def wait_after_an_answer(asked: list[Any], *, timeout: float) -> Any:  # a busy machine may be slow to ask
        wait(asked, timeout=60, return_when=FIRST_COMPLETED)
        return wait(asked, timeout=timeout)

    monkeypatch.setattr(collect, "wait", wait_after_an_answer)
    collect.collect(scene(tmp_path), "after", {"a": lambda _: {"slow": lambda: over.wait(30), "fast": lambda: [1]}})
    over.set()
    told = facts(tmp_path, "a-after")
    assert told["answers"] == {"fast": [1]}
    assert told["failed"] == {"slow": "no answer within 0.2 s"}


def test_it_is_collected_after_a_case_that_failed_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "BEFORE", {"a": lambda _: {"x": lambda: [1]}})
    monkeypatch.setattr(collect, "AFTER", {"a": lambda _: {"x": lambda: [2]}})
    with pytest.raises(KeyboardInterrupt), collect.collected(scene(tmp_path)):
        raise KeyboardInterrupt
    assert facts(tmp_path, "a-before")["answers"] == {"x": [1]}
    assert facts(tmp_path, "a-after")["answers"] == {"x": [2]}


def test_events_of_the_cases_time_are_kept_oldest_first() -> None:
    about = {"kind": "Pod", "namespace": "shop", "name": "app-1"}
    base: dict[str, Any] = {
        "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
        "involvedObject": about,
        "reason": "Killing",
    }
    events: list[dict[str, Any]] = [
        {**base, "lastTimestamp": "2026-01-01T00:00:30Z", "message": "late", "count": 3, "type": "Normal"},
        {**base, "lastTimestamp": "2026-01-01T00:00:09Z", "message": "before the case"},
        {**base, "eventTime": "2026-01-01T00:00:20.5Z", "series": {"lastObservedTime": "2026-01-01T00:00:25Z"}},
    ]
    found = kubernetes.since(events, 1767225610.9)
    assert [event["last"] for event in found] == ["2026-01-01T00:00:25+00:00", "2026-01-01T00:00:30+00:00"]
    assert found[1] == {
        "last": "2026-01-01T00:00:30+00:00",
        "first": None,
        "count": 3,
        "type": "Normal",
        "reason": "Killing",
        "object": "Pod/shop/app-1",
        "message": "late",
        "by": None,
    }


def test_of_clusters_what_decides_is_kept() -> None:
    app = "outbound|8080||app.shop.svc.cluster.local"
    lines = [
        f"{app}::default_priority::max_connections::100",
        f"{app}::default_priority::max_retries::4294967295",
        f"{app}::10.244.1.7:8080::health_flags::/failed_outlier_check",
        f"{app}::10.244.1.7:8080::rq_error::12",
        f"{app}::10.244.1.7:8080::rq_timeout::0",
        f"{app}::10.244.1.7:8080::hostname::",
        f"{app}::[fd00::7]:8080::zone::us-east-1a",
        "xds-grpc::127.0.0.1:1::rq_error::3",
    ]
    assert envoy.clusters(lines) == {
        app: {
            "default_priority::max_connections": "100",
            "10.244.1.7:8080::health_flags": "/failed_outlier_check",
            "10.244.1.7:8080::rq_error": "12",
            "[fd00::7]:8080::zone": "us-east-1a",
        }
    }


def test_of_counters_those_that_counted_are_kept() -> None:
    lines = ["cluster.outbound|80||a.upstream_rq_retry: 4", "ssl.handshake: 0", "a.upstream_rq_time: P0(nan,1)", ""]
    assert envoy.stats(lines) == {"cluster.outbound|80||a.upstream_rq_retry": 4}


def test_proxies_of_callers_gateways_and_watched_tiers_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(_: Any, namespace: str, selector: str) -> list[Any]:
        running = {"running": True, "sidecar": namespace != "istio-system"}
        return [SimpleNamespace(namespace=namespace, name=selector.partition("=")[2], **running)]

    monkeypatch.setattr(pods, "find", find)
    asked = envoy.questions(scene(tmp_path, watch={"shop": ["app", "api"]}, zones=["us-east-1a"]))
    names = {"istio-system/istio-ingressgateway", "callers/caller-us-east-1a", "shop/app", "shop/api"}
    assert set(asked) == names


def test_velero_is_asked_about_recoveries_only(tmp_path: Path) -> None:
    assert velero.questions(scene(tmp_path, "mesh")) == {}
    assert set(velero.questions(scene(tmp_path, "disaster_recovery"))) == set(velero.KINDS)
    backup = {
        "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"template": "large"},
        "status": {"phase": "Failed", "errors": 2, "formatVersion": "1"},
    }
    assert velero.told(backup) == {"created": "2026-01-01T00:00:00Z", "phase": "Failed", "errors": 2}


def test_each_area_has_its_queries_and_those_of_all(tmp_path: Path) -> None:
    areas = {name.partition("/")[0] for name in catalogue.names() if catalogue.find(name).targets}
    assert len(areas) >= 5
    for area in areas:
        assert set(prometheus.queries(area)) > set(prometheus.queries("none")) > {"alerts", "targets_down"}


def test_a_documents_callers_and_tiers_are_what_is_collected_about(tmp_path: Path) -> None:
    inside = "http://app.shop.svc.cluster.local:8080/"
    callers = {"gateway": "/", "us-east-1a": inside, "b": {"url": inside, "zone": "z"}}
    traffic = Plan.model_validate({"rate_hz": 1, "duration_s": 1, "callers": callers})
    configuration = SimpleNamespace(experiment="mesh/ejection", watch={"shop": ["app"]}, traffic=traffic)
    document = Document.model_construct(configuration=configuration)
    found = runner._scene(document, SimpleNamespace(), Recorder(tmp_path))  # type: ignore[arg-type]
    assert (found.area, found.watch, found.zones) == ("mesh", {"shop": ["app"]}, ["us-east-1a", "z"])
    assert read_lines(tmp_path / "events.ndjson") == []
