"""What a database can be recovered from: its archive of the write-ahead log, and backups in pgBackRest's repository."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from experiments.cron import spacing_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.cluster import Cluster
    from experiments.drivers.database import Database

PROGRAM = "pgbackrest"
# The status file of a segment is made when the segment is ready to go and only renamed when it is safe: its age at that
# moment is what the push took.
ARCHIVER = """
SELECT json_build_object(
    'mode', current_setting('archive_mode'),
    'command', current_setting('archive_command'),
    'timeout_s', (SELECT setting::float FROM pg_settings WHERE name = 'archive_timeout'),
    'archived', archived_count,
    'failed', failed_count,
    'last', last_archived_wal,
    'push_s', extract(epoch FROM last_archived_time
        - (pg_stat_file('pg_wal/archive_status/' || last_archived_wal || '.done', true)).modification))
FROM pg_stat_archiver
"""
# Where a recovery ended and a new timeline began.
BRANCHED = """
SELECT coalesce((regexp_match(
    pg_read_file('pg_wal/' || lpad(upper(to_hex(timeline_id)), 8, '0') || '.history', 0, 65536, true),
    '([0-9A-F]+/[0-9A-F]+)[^\\n]*\\n?$'))[1], '') FROM pg_control_checkpoint()
"""


@dataclass(frozen=True, slots=True)
class Archiver:
    """What PostgreSQL says about its archive at one moment; None where nothing was archived yet."""

    mode: str
    command: str
    timeout_s: float
    archived: int
    failed: int
    last: str | None
    push_s: float | None

    def gaps_s(self, earlier: Archiver) -> tuple[bool, float, str]:
        """Says whether the archive grew since an earlier look, its longest gap in seconds, and why in words."""
        grew, failed = self.archived - earlier.archived, self.failed - earlier.failed
        words = (
            f"archive_mode {self.mode}, archive_timeout {self.timeout_s:g} s, {grew} segments pushed, {failed} failed"
        )
        works = self.mode != "off" and PROGRAM in self.command and self.timeout_s > 0 and grew > 0 and not failed
        if not works or self.push_s is None:
            return False, 0.0, words if PROGRAM in self.command else f"archive_command is {self.command!r}; {words}"
        return True, self.timeout_s + self.push_s, f"{words}, the last in {self.push_s:.1f} s"


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup in the repository; `stop` is where it is consistent, as PostgreSQL counts its log."""

    label: str
    kind: str
    took_s: float
    stop: int


def archiver(database: Database) -> Archiver:
    """Asks the primary."""
    return Archiver(**json.loads(database.sql(ARCHIVER)))


def newest(database: Database, stanza: str) -> Backup:
    """Returns the newest sound backup, which is the one that a restore takes.

    Raises:
        Problem: the repository has none, or does not say.
    """
    argv = [PROGRAM, f"--stanza={stanza}", "--output=json", "info"]
    (told,) = json.loads(database.run(database.primary(), argv, timeout_s=60))
    if told["status"]["code"] != 0:
        raise Problem(f"the repository of {stanza} has nothing to restore", why=str(told["status"]["message"]))
    found = [backup for backup in told["backup"] if not backup.get("error")]
    if not found:
        raise Problem(f"every backup in the repository of {stanza} is damaged", fix="take a new full backup")
    last: Any = max(found, key=lambda backup: backup["timestamp"]["stop"])
    times = last["timestamp"]
    return Backup(last["label"], last["type"], float(times["stop"] - times["start"]), lsn(last["lsn"]["stop"]))


def branched(database: Database) -> int:
    """Returns where the last recovery ended, 0 when there was none."""
    found = database.sql(BRANCHED)
    return lsn(found) if found else 0


def lsn(text: str) -> int:
    """Reads a position in the write-ahead log, "16/B374D848"."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def schedule_s(cluster: Cluster, jobs: Sequence[str]) -> tuple[float, str]:
    """Returns the tightest schedule of the CronJobs that are not suspended, in seconds, and its words.

    Args:
        cluster: where they are.
        jobs: namespace/name of each.

    Raises:
        Problem: all are suspended, or one is not there.
    """
    resource = cluster.dynamic.resources.get(api_version="batch/v1", kind="CronJob")
    found = []
    for job in jobs:
        namespace, name = job.split("/")
        spec = resource.get(name=name, namespace=namespace).to_dict()["spec"]
        if not spec.get("suspend"):
            found.append((spacing_s(spec["schedule"]), f"CronJob {job} at {spec['schedule']}"))
    if not found:
        raise Problem("no schedule makes backups of the database", why=f"suspended: {', '.join(jobs)}")
    return min(found)
