"""The alert rules, in virtual time and as loaded: each fires at its bound, not short of it, and resolves.

Method: promtool, in Prometheus' own pod, runs rules/tests on the rules that this Prometheus has loaded; 24 hours
without a backup take it seconds. Live, every rule evaluates and every target answers. A failure names the rule or the
target.
"""

from __future__ import annotations

from typing import Any

import pytest

from deploy.cluster import Cluster
from deploy.errors import Problem
from deploy.waiting import eventually
from experiments.drivers.answers import ask

pytestmark = [pytest.mark.smoke, pytest.mark.nightly, pytest.mark.certification]

FOLDER = "/etc/prometheus-rules"
PATIENCE_S = 90


def in_prometheus(cluster: Cluster, script: str) -> str:
    (pod,) = cluster.pods("observability", "app=prometheus")
    return cluster.exec("observability", pod.metadata.name, ["sh", "-ec", script], container="prometheus", timeout_s=90)


def prometheus(cluster: Cluster, path: str) -> Any:
    return ask(f"{cluster.url('prometheus')}/api/v1/{path}", silence_s=20)["data"]


def test_the_rules_keep_their_bounds_in_virtual_time(kind_cluster: Cluster) -> None:
    told = in_prometheus(kind_cluster, f"promtool test rules {FOLDER}/tests/*.yaml 2>&1")
    assert told.count("SUCCESS") == 5, told


@pytest.mark.control
def test_a_rule_with_another_bound_is_noticed(kind_cluster: Cluster) -> None:
    spoil = f"cp -rL {FOLDER} /tmp/spoilt; sed -i 's/< 0.66/< 0.5/' /tmp/spoilt/alerts.yaml"
    run = "cd /tmp/spoilt/tests; trap 'rm -rf /tmp/spoilt' EXIT; promtool test rules workloads.yaml"
    with pytest.raises(Problem, match="PodAvailabilityLow"):
        in_prometheus(kind_cluster, f"{spoil}; {run}")


def test_every_rule_evaluates(kind_cluster: Cluster) -> None:
    rules = [rule for group in prometheus(kind_cluster, "rules")["groups"] for rule in group["rules"]]
    assert {rule["name"]: rule["lastError"] for rule in rules if rule.get("lastError")} == {}
    assert len([rule for rule in rules if rule["type"] == "alerting"]) == 8


def test_every_target_answers(kind_cluster: Cluster) -> None:
    eventually(
        lambda: {
            target["scrapeUrl"]: target["lastError"]
            for target in prometheus(kind_cluster, "targets?state=active")["activeTargets"]
            if target["health"] != "up"
        },
        lambda silent: not silent,
        within_s=PATIENCE_S,
        every_s=5,
        what="every target to answer",
    )
