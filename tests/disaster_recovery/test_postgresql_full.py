"""The nightly full backup of PostgreSQL, run by its own schedule's job, is in the repository afterwards.

Method: the repository is asked for its newest backup, the job of CronJob `postgresql-full` is run, and it is asked
again; the new backup's manifest is then read from the store itself. A failure means that what the incremental backups
and 30 days of recovery build on is not made.
"""

from __future__ import annotations

import pytest

from deploy.cluster import Cluster
from experiments.drivers import repository
from experiments.drivers.database import Database
from tests import cron_jobs
from tests.security.object_storage_client import Client

pytestmark = [pytest.mark.nightly, pytest.mark.certification]

STANZA = "shop"


def test_the_full_backup_of_the_schedule_is_in_the_repository(kind_cluster: Cluster) -> None:
    database = Database(kind_cluster, "data", "postgres")
    before = repository.newest(database, STANZA)
    ended = cron_jobs.run(kind_cluster, "backup", "postgresql-full")
    assert ended.succeeded, ended.log
    after = repository.newest(database, STANZA)
    assert after.kind == "full"
    assert after.label > before.label  # labels begin with their time
    assert after.label in ended.log
    manifest = f"/postgresql/backup/{STANZA}/{after.label}/backup.manifest"
    assert Client(kind_cluster).status("backup", manifest) == 200
