"""What the settings allow of the mesh's metrics: told, fetched and kept, and something there to compare."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.settings import changed, planned, recorded, without

TARGET = "mesh.metrics"


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


def test_every_figure_is_told_and_fetched(objects: Any) -> None:
    answer = planned(objects, TARGET)
    assert (answer.attainable, answer.floor) == (True, 0)


def egress(*ports: int) -> dict[str, Any]:
    return {"spec": {"egress": [{"ports": [{"port": port, "protocol": "TCP"}]} for port in ports]}}


@pytest.mark.parametrize(("ports", "attainable"), [((9093, 15090), True), ((9093, 15091), False)])
def test_prometheus_must_reach_the_proxies(objects: Any, ports: Any, attainable: Any) -> None:
    answer = planned(changed(objects, "NetworkPolicy", "prometheus", egress(*ports)), TARGET)
    assert answer.attainable is attainable
    assert ("15090" in answer.fix) is not attainable


@pytest.mark.parametrize(("name", "attainable"), [("prometheus", False), ("alertmanager", True)])
def test_who_must_run(objects: Any, name: str, attainable: Any) -> None:
    assert planned(changed(objects, "Deployment", name, {"spec": {"replicas": 0}}), TARGET).attainable is attainable


@pytest.mark.parametrize(
    ("patterns", "left_out"),
    [
        ([".*"], ""),
        ([], "upstream_rq_total"),
        ([".*upstream_rq_(total|[2-5]xx|time|retry.*)", ".*outlier_detection.*"], ""),
        ([".*upstream_rq_(total|[2-5]xx|time|retry.*)"], "outlier_detection.ejections_enforced_total"),
        ([".*upstream_rq_(total|[2-5]xx|retry.*)", ".*outlier_detection.*"], "upstream_rq_time"),
        ([".*upstream_rq_(total|time|[2-5]xx|retry$)", ".*outlier_detection.*"], "upstream_rq_retry_success"),
    ],
)
def test_the_proxies_must_tell(objects: Any, patterns: list[str], left_out: str) -> None:
    mesh = json.dumps({"defaultConfig": {"proxyStatsMatcher": {"inclusionRegexps": patterns}}})
    answer = planned(changed(objects, "ConfigMap", "istio", {"data": {"mesh": mesh}}), TARGET)
    assert answer.attainable is not bool(left_out)
    assert left_out in answer.bound_by


def test_prometheus_must_ask_for_it(objects: Any) -> None:
    config = next(each for each in objects if each["kind"] == "ConfigMap" and each["metadata"]["name"] == "prometheus")[
        "data"
    ]["prometheus.yml"]
    patched = changed(
        objects, "ConfigMap", "prometheus", {"data": {"prometheus.yml": config.replace("retry_success|", "")}}
    )
    answer = planned(patched, TARGET)
    assert (answer.attainable, "job envoy: upstream_rq_retry_success" in answer.bound_by) == (False, True), answer


@pytest.mark.parametrize(("percent", "attainable"), [(11, False), (12, True)])
def test_somebody_must_be_ejected(objects: Any, percent: int, attainable: Any) -> None:
    patch = {"spec": {"trafficPolicy": {"outlierDetection": {"maxEjectionPercent": percent}}}}
    assert planned(changed(objects, "DestinationRule", "app", patch), TARGET).attainable is attainable


def test_without_a_prometheus_nothing_is_known(objects: Any) -> None:
    assert planned(without(objects, "Deployment", "prometheus"), TARGET).attainable is False
