"""Alert rules as files: the document's eight, each with what a person who is woken needs, and each with promtool tests.

promtool itself runs in the image that carries it: tests/alerts/test_rules.py.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.paths import DEPLOY

FOLDER = DEPLOY / "observability/prometheus"
DOCUMENT = {
    "ZoneUnavailable": "critical",
    "BackupFailed": "critical",
    "DatabaseReplicationLag": "critical",
    "PodAvailabilityLow": "critical",
    "PodDistributionImbalanced": "warning",
    "CrossZoneLatencyHigh": "warning",
    "CircuitBreakerEjecting": "warning",
    "HpaAtMaximum": "warning",
}


@cache
def load(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def alerts() -> dict[str, dict[str, Any]]:
    return {
        rule["alert"]: rule
        for file in sorted(FOLDER.glob("rules/*.yaml"))
        for group in load(file)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }


def test_the_alerts_are_the_documents_with_their_severities() -> None:
    assert {name: rule["labels"]["severity"] for name, rule in alerts().items()} == DOCUMENT


@pytest.mark.parametrize("name", DOCUMENT)
def test_an_alert_says_what_is_wrong_and_what_to_do(name: str) -> None:
    assert alerts()[name]["annotations"].keys() == {"summary", "fix"}


@pytest.mark.parametrize("name", DOCUMENT)
def test_promtool_expects_each_alert_to_fire_and_to_be_silent(name: str) -> None:
    fires, silent = set(), set()
    for file in FOLDER.glob("rules/tests/*.yaml"):
        for case in load(file)["tests"]:
            told = {name for name in DOCUMENT if f'alertname="{name}"' in str(case)}
            fires |= told
            silent |= told if any(not check["exp_samples"] for check in case["promql_expr_test"]) else set()
    assert name in fires
    assert name in silent


def test_every_file_of_rules_and_tests_reaches_the_pod() -> None:
    listed = {file for made in load(FOLDER / "kustomization.yaml")["configMapGenerator"] for file in made["files"]}
    there = {str(file.relative_to(FOLDER)) for file in FOLDER.glob("rules/**/*.yaml")}
    assert there <= listed


def test_alertmanager_sends_critical_alerts_to_all_three_and_warnings_to_slack_and_says_when_they_are_over() -> None:
    settings = load(FOLDER / "alertmanager.yml")
    (critical,) = settings["route"]["routes"]
    assert critical == {"receiver": "critical", "matchers": ["severity = critical"]}
    receivers = {receiver.pop("name"): receiver for receiver in settings["receivers"]}
    assert receivers["critical"].keys() == {"slack_configs", "email_configs", "pagerduty_configs"}
    assert receivers[settings["route"]["receiver"]].keys() == {"slack_configs"}
    ways = [way for receiver in receivers.values() for kind in receiver.values() for way in kind]
    assert all(way["send_resolved"] for way in ways)


def test_prometheus_may_reach_every_port_that_it_scrapes_by_number() -> None:
    policy = next(yaml.safe_load_all((FOLDER / "network-policies.yaml").read_text()))
    allowed = {str(port["port"]) for rule in policy["spec"]["egress"] for port in rule["ports"]}
    chosen = [
        str(relabel["regex"]).rpartition(";")[2].strip("()").split("|")
        for job in load(FOLDER / "prometheus.yml")["scrape_configs"]
        for relabel in job.get("relabel_configs", [])
        if "__meta_kubernetes_pod_container_port_number" in relabel.get("source_labels", [])
    ]
    assert chosen
    assert {port for ports in chosen for port in ports} <= allowed
