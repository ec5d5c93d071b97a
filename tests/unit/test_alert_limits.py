"""The limits of the alerts' targets are what the live documents' own intervals add up to, neither more nor less."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import yaml

from deploy.paths import DEPLOY
from experiments import catalogue
from experiments.attainability.alerting import READY_AGAIN_S, REPLACED_S, Alerting, notices_s

FOLDER = DEPLOY / "observability" / "prometheus"
TARGETS = [target for target in tomllib.loads(catalogue.TARGETS.read_text())["target"] if target["id"][:6] == "alert."]
GONE_S = {"availability_alert_s": READY_AGAIN_S, "ejection_alert_s": REPLACED_S}


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def readiness_probe() -> Any:
    text = (DEPLOY / "high_availability/deployments/multi-az-deployments.yaml").read_text()
    app = next(item for item in yaml.safe_load_all(text) if item and item["metadata"]["name"] == "app")
    return app["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]


RULES = [rule for group in read("rules/alerts.yaml")["groups"] for rule in group["rules"]]
ALERTING = Alerting(read("prometheus.yml"), RULES, read("alertmanager.yml"))
# Until the fault is what the alert is about: its figure begins at the injection, or at the first ejection.
NOTICED_S = {"availability_alert_s": notices_s(readiness_probe()), "ejection_alert_s": 0}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["id"])
def test_the_limit_is_what_the_intervals_add_up_to(target: Any) -> None:
    rule = ALERTING.rule(target["parameters"]["alert"])
    assert rule is not None
    assert target["limit"] == ALERTING.told_within_s(rule, NOTICED_S[target["statistic"]])


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["id"])
def test_calling_off_has_the_time_that_the_intervals_add_up_to(target: Any) -> None:
    rule = ALERTING.rule(target["parameters"]["alert"])
    assert rule is not None
    assert target["parameters"]["resolve_s_max"] == ALERTING.called_off_within_s(rule, GONE_S[target["statistic"]])


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["id"])
def test_severity_and_channels_are_those_of_rule_and_route(target: Any) -> None:
    rule = ALERTING.rule(target["parameters"]["alert"])
    assert rule is not None
    assert rule["labels"]["severity"] == target["parameters"]["severity"]
    assert ALERTING.channels(rule) == set(target["parameters"]["channels"])


def test_the_kubelet_notices_within_the_time_that_the_limits_grant() -> None:
    assert NOTICED_S["availability_alert_s"] == READY_AGAIN_S == 10


def test_the_control_takes_one_port_from_the_policy_and_nothing_else() -> None:
    file = catalogue.find("alerts/circuit_breaker").control_file("no-envoy-metrics")
    left = yaml.safe_load(file.read_text())["changes"][0]["patch"]["spec"]["egress"]
    policies = list(yaml.safe_load_all((FOLDER / "network-policies.yaml").read_text()))
    whole = next(item for item in policies if item and item["metadata"]["name"] == "prometheus")["spec"]["egress"]
    assert ports(whole) - ports(left) == {15090}
    assert ports(left) < ports(whole)


def ports(egress: Any) -> set[int]:
    return {port["port"] for rule in egress for port in rule["ports"]}
