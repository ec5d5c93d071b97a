"""What keeps Prometheus from counting what collectors store."""

from typing import Any

import pytest

from tests.unit.settings import changed, planned, recorded, without

TARGET = "trace.metrics"


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


def test_prometheus_must_be_there_know_the_collectors_and_reach_them(objects: Any) -> None:
    assert planned(objects, TARGET).bound_by == "job jaeger scrapes port 14269"
    no_job = {"data": {"prometheus.yml": "scrape_configs: []"}}
    only_names = {"spec": {"egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}]}}
    for bad, why in (
        (without(objects, "Deployment", "prometheus"), "no replica"),
        (changed(objects, "Deployment", "prometheus", {"spec": {"replicas": 0}}), "no replica"),
        (changed(objects, "ConfigMap", "prometheus", no_job), "no job jaeger"),
        (changed(objects, "NetworkPolicy", "prometheus", only_names), "no egress to port 14269"),
    ):
        answer = planned(bad, TARGET)
        assert (answer.attainable, bool(answer.fix)) == (False, True)
        assert why in answer.bound_by
