"""Both sides of each boundary that the tracing store and its collectors draw."""

from typing import Any

import pytest

from tests.unit.settings import by_name, changed, is_it, item, planned, recorded, without

COLLECTOR = "jaeger-collector"
URL = "http://jaeger-collector.tracing.svc.cluster.local:4318/v1/traces"


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


def with_env(objects: Any, **env: str) -> Any:
    entries = [{"name": name, "value": value} for name, value in env.items()]
    container = {"containers": [{"name": "collector", "env": entries}]}
    patch = {"spec": {"template": {"spec": container}}}
    return [by_name(each, patch) if is_it(each, "Deployment", "", COLLECTOR) else each for each in objects]


@pytest.mark.parametrize(
    ("said", "floor", "attainable"),
    [("1s", 1, True), ("1001ms", 1.001, False), ("200ms", 0.2, True), ("1m", 60, False), ("0", None, False)],
)
def test_a_crash_loses_what_waits_to_be_written(objects: Any, said: str, floor: Any, attainable: Any) -> None:
    answer = planned(with_env(objects, ES_BULK_FLUSH_INTERVAL=said), "trace.collector_crash")
    assert (answer.floor, answer.attainable) == (floor, attainable)
    assert attainable or answer.fix == "ES_BULK_FLUSH_INTERVAL: at most 1s"


def test_the_interval_may_stand_in_the_configmap_and_nowhere(objects: Any) -> None:
    assert planned(objects, "trace.collector_crash").floor == 0.2
    shared = item("ConfigMap", "tracing", "jaeger-storage", data={"ES_BULK_FLUSH_INTERVAL": "5s"})
    assert planned([*objects, shared], "trace.collector_crash").floor == 5
    own = with_env([*objects, shared], ES_BULK_FLUSH_INTERVAL="1s")
    assert planned(own, "trace.collector_crash").floor == 1


@pytest.mark.parametrize(("replicas", "attainable"), [(2, True), (1, False)])
def test_a_collector_must_be_left(objects: Any, replicas: int, attainable: Any) -> None:
    scaled = changed(objects, "HorizontalPodAutoscaler", COLLECTOR, {"spec": {"minReplicas": replicas}})
    assert planned(scaled, "trace.collectors").attainable is attainable
    alone = without(objects, "HorizontalPodAutoscaler", COLLECTOR)
    fixed = changed(alone, "Deployment", COLLECTOR, {"spec": {"replicas": replicas}})
    assert planned(fixed, "trace.collectors").attainable is attainable


@pytest.mark.parametrize("target", ["trace.collectors", "trace.collector_crash"])
@pytest.mark.parametrize(("duration_s", "attainable"), [(30, True), (29, False)])
def test_three_hundred_traces_must_be_sent(objects: Any, target: str, duration_s: float, attainable: Any) -> None:
    sender = {"url": URL, "zone": "us-east-1a", "hands_in_traces": True}
    traffic = {"rate_hz": 10, "duration_s": duration_s, "callers": {"traces": sender}}
    answer = planned(objects, target, traffic=traffic)
    assert answer.attainable is attainable
    assert attainable or answer.fix == "duration_s: at least 30"


def test_the_store_must_be_there_and_write_to_a_claimed_volume(objects: Any) -> None:
    assert planned(objects, "trace.storage").attainable is True
    other = changed(objects, "StatefulSet", "opensearch", {"spec": {"volumeClaimTemplates": []}})
    answer = planned(other, "trace.storage")
    assert (answer.attainable, answer.bound_by) == (
        False,
        "StatefulSet tracing/opensearch: /data is on no claimed volume",
    )
    assert planned(without(objects, "StatefulSet"), "trace.storage").attainable is False


def test_where_there_is_no_collector_nothing_is_stored(objects: Any) -> None:
    nobody = without(without(objects, "Deployment"), "HorizontalPodAutoscaler")
    assert planned(nobody, "trace.collectors").attainable is False


def test_where_there_is_no_collector_nothing_is_accepted(objects: Any) -> None:
    assert planned(without(objects, "Deployment"), "trace.collector_crash").attainable is False
