"""The limits of the alerts' targets are what the live documents' own intervals add up to, neither more nor less."""

from __future__ import annotations

import math
import re
import tomllib
from typing import Any

import pytest
import yaml

from deploy.paths import DEPLOY
from experiments import catalogue

FOLDER = DEPLOY / "observability" / "prometheus"
TARGETS = [target for target in tomllib.loads(catalogue.TARGETS.read_text())["target"] if target["id"][:6] == "alert."]
DELIVERY_S = 5
# Until the fault is what the alert is about (its figure begins at the injection), and until it no longer is.
NOTICED_S = {"availability_alert_s": 10, "ejection_alert_s": 0}
GONE_S = {"availability_alert_s": 10, "ejection_alert_s": 5}


def seconds(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([sm])", text or "0s").groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1, "m": 60}[unit]


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def rule(alert: str) -> Any:
    every = [rule for group in read("rules/alerts.yaml")["groups"] for rule in group["rules"]]
    return next(rule for rule in every if rule.get("alert") == alert)


def told_within_s(target: Any) -> int:
    timing, route = read("prometheus.yml")["global"], read("alertmanager.yml")["route"]
    evaluation_s = seconds(timing["evaluation_interval"])
    pending_s = math.ceil(seconds(rule(target["parameters"]["alert"]).get("for", "0s")) / evaluation_s) * evaluation_s
    detected_s = seconds(timing["scrape_interval"]) + evaluation_s
    return NOTICED_S[target["statistic"]] + detected_s + pending_s + seconds(route["group_wait"]) + DELIVERY_S


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["id"])
def test_the_limit_is_what_the_intervals_add_up_to(target: Any) -> None:
    assert target["limit"] == told_within_s(target)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["id"])
def test_calling_off_has_the_time_that_the_intervals_add_up_to(target: Any) -> None:
    timing, route = read("prometheus.yml")["global"], read("alertmanager.yml")["route"]
    intervals = [timing["scrape_interval"], timing["evaluation_interval"], route["group_interval"]]
    bound_s = GONE_S[target["statistic"]] + sum(map(seconds, intervals)) + DELIVERY_S
    assert target["parameters"]["resolve_s_max"] == bound_s


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["id"])
def test_severity_and_channels_are_those_of_rule_and_route(target: Any) -> None:
    severity = rule(target["parameters"]["alert"])["labels"]["severity"]
    assert severity == target["parameters"]["severity"]
    receivers = {receiver["name"]: receiver for receiver in read("alertmanager.yml")["receivers"]}
    channels = {key.removesuffix("_configs") for key in receivers[severity] if key.endswith("_configs")}
    assert channels == set(target["parameters"]["channels"])


def test_kubelet_notices_within_the_time_that_is_granted() -> None:
    text = (DEPLOY / "high_availability/deployments/multi-az-deployments.yaml").read_text()
    app = next(item for item in yaml.safe_load_all(text) if item and item["metadata"]["name"] == "app")
    probe = app["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == NOTICED_S["availability_alert_s"]


def test_the_control_takes_one_port_from_the_policy_and_nothing_else() -> None:
    file = catalogue.find("alerts/circuit_breaker").control_file("no-envoy-metrics")
    left = yaml.safe_load(file.read_text())["changes"][0]["patch"]["spec"]["egress"]
    policies = list(yaml.safe_load_all((FOLDER / "network-policies.yaml").read_text()))
    whole = next(item for item in policies if item and item["metadata"]["name"] == "prometheus")["spec"]["egress"]
    assert ports(whole) - ports(left) == {15090}
    assert ports(left) < ports(whole)


def ports(egress: Any) -> set[int]:
    return {port["port"] for rule in egress for port in rule["ports"]}
