"""Both sides of each boundary that backups, tracing and alerting draw."""

import base64
import json
from typing import Any

import pytest
import yaml

from experiments.attainability import shares
from reports.judge.binomial import told_apart
from tests.unit.settings import changed, item, planned, recorded, without

APP = "http://app.shop.svc.cluster.local:8080"
EVERY_HALF_HOUR = {"spec": {"schedule": "*/30 * * * *"}}


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


def archive(objects: Any, **parameters: Any) -> Any:
    config = json.dumps({"postgresql": {"parameters": parameters}})
    return changed(objects, "Endpoints", "postgres-config", {"metadata": {"annotations": {"config": config}}})


def run_of(job: str, took_s: int) -> dict[str, Any]:
    status = {
        "startTime": "2026-11-25T01:00:00Z",
        "completionTime": f"2026-11-25T01:{took_s // 60:02}:{took_s % 60:02}Z",
    }
    return item("Job", "backup", f"{job}-1", metadata={"ownerReferences": [{"name": job}]}, status=status)


# ---- recovery points


@pytest.mark.parametrize(
    ("parameters", "floor"),
    [
        ({"archive_mode": "on", "archive_command": "pgbackrest push", "archive_timeout": 60}, 60),
        ({"archive_mode": "on", "archive_command": "pgbackrest push", "archive_timeout": "5min"}, 300),
        ({"archive_mode": "always", "archive_command": "pgbackrest push", "archive_timeout": "60s"}, 60),
        ({"archive_mode": "off", "archive_command": "pgbackrest push", "archive_timeout": 60}, 3600),
        ({"archive_mode": "on", "archive_command": "false", "archive_timeout": 60}, 3600),
        ({"archive_mode": "on", "archive_command": "pgbackrest push", "archive_timeout": 0}, 3600),
        ({"archive_mode": "on", "archive_command": "pgbackrest push"}, 3600),
        ({}, 3600),
    ],
)
def test_without_a_working_archive_the_hourly_backup_is_what_is_left(objects: Any, parameters: Any, floor: int) -> None:
    answer = planned(archive(objects, **parameters), "dr.rpo")
    assert (answer.floor, answer.attainable) == (floor, floor < 3600)


@pytest.mark.parametrize(("timeout_s", "attainable"), [(3599, True), (3600, False)])
def test_a_segment_must_be_archived_within_the_hour(objects: Any, timeout_s: int, attainable: Any) -> None:
    suspended = changed(objects, "CronJob", "", {"spec": {"suspend": True}})
    parameters = {"archive_mode": "on", "archive_command": "pgbackrest push", "archive_timeout": timeout_s}
    assert planned(archive(suspended, **parameters), "dr.rpo").attainable is attainable


@pytest.mark.parametrize(("took_s", "attainable"), [(0, True), (1799, True), (1800, False)])
def test_an_interval_and_the_time_of_a_backup_must_fit_together(objects: Any, took_s: int, attainable: Any) -> None:
    half_hourly = changed(archive(objects), "CronJob", "postgresql-incremental", EVERY_HALF_HOUR)
    strangers = run_of("redis-dump", 3000)
    answer = planned([*half_hourly, run_of("postgresql-incremental", took_s), strangers], "dr.rpo")
    assert (answer.floor, answer.attainable) == (1800 + took_s, attainable)
    if not attainable:
        assert "or backups less than 1800 s apart" in answer.fix


def test_an_hourly_backup_that_takes_any_time_loses_more_than_an_hour(objects: Any) -> None:
    answer = planned([*archive(objects), run_of("postgresql-incremental", 20)], "dr.rpo")
    assert (answer.floor, answer.attainable) == (3620, False)
    assert "a run took 20 s" in answer.bound_by


def test_nothing_makes_recovery_points(objects: Any) -> None:
    answer = planned(changed(archive(objects), "CronJob", "", {"spec": {"suspend": True}}), "dr.rpo")
    assert (answer.floor, answer.attainable) == (None, False)
    nowhere = without(objects, "Endpoints")
    assert "no settings of Patroni" in planned(without(nowhere, "CronJob"), "dr.rpo").bound_by


def test_the_settings_of_patroni_may_stand_in_a_configmap(objects: Any) -> None:
    (endpoints,) = [each for each in objects if each["kind"] == "Endpoints"]
    assert planned([*without(objects, "Endpoints"), {**endpoints, "kind": "ConfigMap"}], "dr.rpo").floor == 60


# ---- a way back


def test_a_paused_schedule_is_a_way_back_only_with_a_complete_backup(objects: Any) -> None:
    paused = changed(objects, "Schedule", "incremental-hourly", {"spec": {"paused": True}})
    assert planned(paused, "dr.rto_pv").attainable is False
    labels = {"velero.io/schedule-name": "incremental-hourly"}
    for phase, attainable in (("Completed", True), ("PartiallyFailed", False)):
        backup = item("Backup", "velero", "b", metadata={"labels": labels}, status={"phase": phase})
        assert planned([*paused, backup], "dr.rto_pv").attainable is attainable


def test_without_schedule_or_store_there_is_no_way_back(objects: Any) -> None:
    assert planned(without(objects, "Schedule", "incremental-hourly"), "dr.rto_pv").attainable is False
    gone = changed(objects, "BackupStorageLocation", "default", {"status": {"phase": "Unavailable"}})
    assert planned(gone, "dr.rto_pv").attainable is False
    assert planned(without(objects, "BackupStorageLocation"), "dr.rto_pv").attainable is False


def test_suspended_backups_of_the_bytes_are_a_way_back_only_if_one_succeeded(objects: Any) -> None:
    suspended = changed(objects, "CronJob", "", {"spec": {"suspend": True}})
    assert planned(suspended, "dr.rto_pv").attainable is False
    done = {"status": {"lastSuccessfulTime": "2026-11-25T01:00:00Z"}}
    assert planned(changed(suspended, "CronJob", "postgresql-full", done), "dr.rto_pv").attainable is True


# ---- tracing


def telemetry(namespace: str, **tracing_: Any) -> dict[str, Any]:
    return item("Telemetry", namespace, "own", spec={"tracing": [tracing_]})


@pytest.mark.parametrize(
    ("added", "floor"),
    [
        (telemetry("callers", randomSamplingPercentage=50), 50),
        (telemetry("shop", randomSamplingPercentage=50), 10),  # the first proxy has decided
        (telemetry("callers", disableSpanReporting=True), 0),
        (telemetry("callers", customTags={"a": {}}), None),  # which hides those of the mesh
    ],
)
def test_the_namespace_of_the_first_proxy_decides(objects: Any, added: Any, floor: float | None) -> None:
    answer = planned([*objects, added], "trace.sampling_default")
    assert answer.floor == floor
    assert answer.attainable is (floor == 10)


def test_where_nobody_says_a_rate_it_is_one_percent(objects: Any) -> None:
    assert planned(without(objects, "Telemetry"), "trace.sampling_default").floor == 1


def load(duration_s: float) -> dict[str, Any]:
    names = ("gateway", "us-east-1a", "us-east-1b", "us-east-1c")
    orders = {"orders": {"url": "/orders", "rate_hz": 3, "method": "POST"}}
    inside = {
        f"orders-{name}": {"url": f"{APP}/orders", "zone": name, "rate_hz": 1, "method": "POST"} for name in names[1:]
    }
    browse = dict.fromkeys(names, f"{APP}/browse") | {"gateway": "/browse"}
    return {"rate_hz": 5, "duration_s": duration_s, "callers": {**browse, **orders, **inside}}


def test_too_few_requests_tell_nothing_and_the_fix_is_enough(objects: Any) -> None:
    answer = planned(objects, "trace.sampling_default", traffic=load(10))
    assert answer.attainable is False
    assert "too few to tell 10 % from 5 %" in answer.bound_by
    duration_s = float(answer.fix.removeprefix("duration_s: ").split(",")[0])
    assert planned(objects, "trace.sampling_default", traffic=load(duration_s)).attainable is True
    assert planned(objects, "trace.sampling_critical", traffic=load(10)).fix == "duration_s: at least 34"
    assert planned(objects, "trace.sampling_critical", traffic=load(34)).attainable is True


@pytest.mark.parametrize("n", [50, 200, 400, 600, 700, 800, 1000, 1500])
@pytest.mark.parametrize("other", [1.0, 5.0, 8.0, 20.0])
def test_the_arithmetic_is_the_judges_own(n: int, other: float) -> None:
    assert shares.tells(n, 10, other, 0.001) is told_apart(n, 10, other, 0.001)


def rates(objects: Any, **sampled: Any) -> Any:
    """One rate for the order's route in each context named."""
    changes = [
        {
            "applyTo": "HTTP_ROUTE",
            "match": {"context": context, "routeConfiguration": {"vhost": {"route": {"name": "order"}}}},
            "patch": {"operation": "MERGE", "value": {"tracing": rate}},
        }
        for context, rate in sampled.items()
    ]
    return changed(objects, "EnvoyFilter", "trace-critical", {"spec": {"configPatches": changes}})


ALL = {"random_sampling": {"numerator": 100}}


@pytest.mark.parametrize(
    ("sampled", "floor"),
    [
        ({"GATEWAY": ALL, "SIDECAR_OUTBOUND": ALL}, 0),
        ({"ANY": ALL}, 0),
        ({"GATEWAY": ALL}, 203),  # the orders from inside, 225, stay at 10 %
        ({"SIDECAR_OUTBOUND": ALL}, 203),
        ({"SIDECAR_INBOUND": ALL}, 405),
        ({"ANY": {"random_sampling": {"numerator": 1_000_000, "denominator": "MILLION"}}}, 0),
        ({"ANY": {"random_sampling": {"numerator": 9_900, "denominator": "TEN_THOUSAND"}}}, 5),
        ({"ANY": {**ALL, "overall_sampling": {"numerator": 50}}}, 225),
        ({"ANY": {"client_sampling": {"numerator": 0}}}, 0),
    ],
)
def test_every_first_proxy_needs_the_rate_on_the_critical_route(objects: Any, sampled: Any, floor: int) -> None:
    answer = planned(rates(objects, **sampled), "trace.sampling_critical")
    assert (answer.floor, answer.attainable) == (floor, floor == 0)


def test_a_rate_on_another_route_or_in_another_namespace_is_none(objects: Any) -> None:
    http = [{"name": "renamed", "route": [{"destination": {"host": "app.shop.svc.cluster.local"}}]}]
    renamed = changed(objects, "VirtualService", "storefront", {"spec": {"http": http}})
    assert planned(renamed, "trace.sampling_critical").floor == 405
    moved = changed(objects, "EnvoyFilter", "trace-critical", {"metadata": {"namespace": "shop"}})
    assert planned(moved, "trace.sampling_critical").floor == 405
    there = changed(objects, "EnvoyFilter", "trace-critical", {"metadata": {"namespace": "callers"}})
    assert planned(there, "trace.sampling_critical").floor == 203


def test_a_trace_without_its_tags_or_with_its_headers_removed_is_broken(objects: Any) -> None:
    tags: Any = {"experiment.run": {}, "experiment.request": {}, "cluster": {}, "node": {}}
    few = changed(objects, "Telemetry", "mesh-default", {"spec": {"tracing": [{"customTags": tags}]}})
    answer = planned(few, "trace.propagation")
    assert (answer.floor, answer.fix) == (60, "customTags: tier")
    headers = {"request": {"remove": ["x-debug", "tracestate"]}}
    http = [{"name": "order", "headers": headers, "route": [{"destination": {"host": "app.shop.svc.cluster.local"}}]}]
    removing = changed(objects, "VirtualService", "storefront", {"spec": {"http": http}})
    answer = planned(removing, "trace.propagation")
    assert (answer.floor, answer.attainable) == (60, False)
    assert answer.bound_by == "VirtualService shop/storefront removes tracestate"


# ---- alerts


def prometheus(objects: Any, **intervals: Any) -> Any:
    (config,) = [each for each in objects if (each["kind"], each["metadata"]["name"]) == ("ConfigMap", "prometheus")]
    content = yaml.safe_load(config["data"]["prometheus.yml"])
    content["global"] |= intervals
    return changed(objects, "ConfigMap", "prometheus", {"data": {"prometheus.yml": yaml.safe_dump(content)}})


def rule(objects: Any, name: str, **changes: Any) -> Any:
    (config,) = [each for each in objects if each["metadata"]["name"] == "prometheus-rules"]
    content = yaml.safe_load(config["data"]["alerts.yaml"])
    for group in content["groups"]:
        group["rules"] = [{**each, **changes} if each.get("alert") == name else each for each in group["rules"]]
    return changed(objects, "ConfigMap", "prometheus-rules", {"data": {"alerts.yaml": yaml.safe_dump(content)}})


def alertmanager(objects: Any, change: Any) -> Any:
    (secret,) = [each for each in objects if each["metadata"]["name"] == "alertmanager" and each["kind"] == "Secret"]
    content = yaml.safe_load(base64.b64decode(secret["data"]["alertmanager.yml"]))
    change(content)
    text = base64.b64encode(yaml.safe_dump(content).encode()).decode()
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
    content = yaml.safe_load(config["data"]["prometheus.yml"])
    for job in content["scrape_configs"]:
        job.update({"scrape_interval": "60s"} if job["job_name"] == "envoy" else {})
    patched = changed(objects, "ConfigMap", "prometheus", {"data": {"prometheus.yml": yaml.safe_dump(content)}})
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
