"""Both sides of each boundary that backups draw."""

import json
from typing import Any

import pytest

from tests.unit.settings import changed, item, planned, recorded, without

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
