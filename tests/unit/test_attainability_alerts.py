"""Both sides of each boundary that alerting draws."""

import base64
import json
from typing import Any

import pytest

from experiments import plain_yaml
from tests.unit.settings import changed, planned, recorded, without


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


def prometheus(objects: Any, **intervals: Any) -> Any:
    (config,) = [each for each in objects if (each["kind"], each["metadata"]["name"]) == ("ConfigMap", "prometheus")]
    content = plain_yaml.load(config["data"]["prometheus.yml"])
    content["global"] |= intervals
    return changed(objects, "ConfigMap", "prometheus", {"data": {"prometheus.yml": json.dumps(content)}})


def rule(objects: Any, name: str, **changes: Any) -> Any:
    (config,) = [each for each in objects if each["metadata"]["name"] == "prometheus-rules"]
    content = plain_yaml.load(config["data"]["alerts.yaml"])
    for group in content["groups"]:
        group["rules"] = [{**each, **changes} if each.get("alert") == name else each for each in group["rules"]]
    return changed(objects, "ConfigMap", "prometheus-rules", {"data": {"alerts.yaml": json.dumps(content)}})


def alertmanager(objects: Any, change: Any) -> Any:
    (secret,) = [each for each in objects if each["metadata"]["name"] == "alertmanager" and each["kind"] == "Secret"]
    content = plain_yaml.load(base64.b64decode(secret["data"]["alertmanager.yml"]))
    change(content)
    text = base64.b64encode(json.dumps(content).encode()).decode()
    return changed(objects, "Secret", "alertmanager", {"data": {"alertmanager.yml": text}})


@pytest.mark.parametrize(
    ("intervals", "floor", "fix"),
    [
        ({"scrape_interval": "14s"}, 84, ""),
        ({"scrape_interval": "16s"}, 86, "for: at most 29s"),
        ({"evaluation_interval": "20s"}, 100, "for: at most 15s"),  # 30 s of `for` are two evaluations, 40 s
        (
            {"scrape_interval": "1m", "evaluation_interval": "1m"},
            205,
            "scrape_interval and evaluation_interval: 120 s less",
        ),
    ],
)
def test_the_intervals_of_prometheus_must_fit_the_limit(objects: Any, intervals: Any, floor: int, fix: str) -> None:
    answer = planned(prometheus(objects, **intervals), "alert.pod_availability")
    if answer.floor is None:  # called off too late as well, which is found first
        assert "called off" in answer.bound_by
        return
    assert (answer.floor, answer.attainable) == (floor, floor <= 85)
    assert answer.fix.startswith(fix)


@pytest.mark.parametrize(("pending", "floor"), [("15s", 70), ("16s", 85), ("30s", 85), ("31s", 100)])
def test_pending_is_whole_evaluations(objects: Any, pending: str, floor: int) -> None:
    answer = planned(rule(objects, "PodAvailabilityLow", **{"for": pending}), "alert.pod_availability")
    assert (answer.floor, answer.attainable) == (floor, floor <= 85)


@pytest.mark.parametrize(("wait", "attainable"), [("10s", True), ("11s", False)])
def test_the_wait_of_its_own_route_counts(objects: Any, wait: str, attainable: Any) -> None:
    patched = alertmanager(objects, lambda config: config["route"]["routes"][0].update(group_wait=wait))
    assert planned(patched, "alert.pod_availability").attainable is attainable
    assert planned(patched, "alert.circuit_breaker").attainable is True  # goes another way


@pytest.mark.parametrize(("interval", "fix"), [("30s", ""), ("31s", "group_interval: at most 30s")])
def test_calling_off_must_fit_too(objects: Any, interval: str, fix: str) -> None:
    patched = alertmanager(objects, lambda config: config["route"].update(group_interval=interval))
    assert planned(patched, "alert.pod_availability").fix == fix


def test_a_job_that_scrapes_less_often_than_the_others_counts(objects: Any) -> None:
    (config,) = [each for each in objects if (each["kind"], each["metadata"]["name"]) == ("ConfigMap", "prometheus")]
    content = plain_yaml.load(config["data"]["prometheus.yml"])
    for job in content["scrape_configs"]:
        job.update({"scrape_interval": "60s"} if job["job_name"] == "envoy" else {})
    patched = changed(objects, "ConfigMap", "prometheus", {"data": {"prometheus.yml": json.dumps(content)}})
    assert planned(patched, "alert.circuit_breaker").attainable is False
    assert planned(patched, "alert.pod_availability").attainable is True


def test_an_alert_without_rule_receiver_or_figures_is_never_told(objects: Any) -> None:
    def lose_email(config: Any) -> None:
        config["receivers"][0].pop("email_configs")

    target = "alert.pod_availability"
    assert "no rule" in planned(rule(objects, "PodAvailabilityLow", alert="Renamed"), target).bound_by
    assert planned(alertmanager(objects, lose_email), target).bound_by == "receiver critical tells pagerduty, slack"
    mild = planned(rule(objects, "PodAvailabilityLow", labels={"severity": "warning"}), target)
    assert mild.fix == "severity: critical"
    idle = planned(changed(objects, "Deployment", "alertmanager", {"spec": {"replicas": 0}}), target)
    assert idle.bound_by == "Deployment observability/alertmanager: no replica"
    assert planned(without(objects, "NetworkPolicy"), target).attainable is True  # nothing restrains it


@pytest.mark.parametrize(
    ("ports", "attainable"),
    [
        (None, True),
        ([{"port": 8080}], True),
        ([{"port": "http"}], True),
        ([{"port": 8000, "endPort": 9000}], True),
        ([{"port": 8080, "protocol": "UDP"}], False),
        ([{"port": 8000, "endPort": 8079}], False),
    ],
)
def test_prometheus_must_be_let_through(objects: Any, ports: Any, attainable: Any) -> None:
    egress = [{"ports": ports} if ports else {}]
    patched = changed(objects, "NetworkPolicy", "prometheus", {"spec": {"egress": egress}})
    assert planned(patched, "alert.pod_availability").attainable is attainable


def test_nobody_is_told_of_an_ejection_that_cannot_be(objects: Any) -> None:
    patch = {"spec": {"trafficPolicy": {"outlierDetection": {"maxEjectionPercent": 10}}}}
    answer = planned(changed(objects, "DestinationRule", "app", patch), "alert.circuit_breaker")
    assert answer.attainable is False
    assert answer.fix == "maxEjectionPercent: at least 12"
