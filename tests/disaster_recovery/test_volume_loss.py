"""A database that lost its volumes: less than an hour of writes is gone, and it serves again within an hour.

Method: while callers place orders and keep the id of each acknowledged one, the database, its volumes and what Patroni
knows are destroyed; Velero brings the objects back from S3, pgBackRest the bytes. Loss and recovery are two figures of
one run, the loss judged by the worst case of the live settings too. If the loss is too large, look at the archive of
the log and at the schedules; if the recovery is late, at the phase that took long.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.disruptive, pytest.mark.slow, pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("dr.rpo")
def test_less_than_an_hour_of_writes_can_be_lost(experiment: Any) -> None:
    experiment("disaster_recovery/volume_loss").kept("dr.rpo")


@pytest.mark.verifies("dr.rto_pv")
def test_orders_are_acknowledged_again_within_an_hour(experiment: Any) -> None:
    experiment("disaster_recovery/volume_loss").kept("dr.rto_pv")


@pytest.mark.control
def test_with_a_daily_backup_alone_a_day_can_be_lost(experiment: Any) -> None:
    experiment("disaster_recovery/volume_loss", control="daily-backup-only").broke("dr.rpo")


@pytest.mark.control
def test_without_the_key_of_the_repository_the_bytes_do_not_come_back(experiment: Any) -> None:
    experiment("disaster_recovery/volume_loss", control="no-repository-key").broke("dr.rto_pv")
