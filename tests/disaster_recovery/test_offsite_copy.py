"""The offsite copy alone restores: every dump, and the database from its archive, while nobody can ask the primary.

Method: dumps are taken and copied offsite by the real jobs. Then the job that validates backups every day is run with
one change: it has the offsite server's address, and a network policy keeps it from the primary, which it proves before
it begins. It restores into scratch stores and compares rows and checksums with the manifests. One byte of a dump that
is changed offsite must make it fail. A failure means that the third copy is none.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deploy.cluster import Cluster
from deploy.disaster_recovery.object_storage.component import address
from deploy.waiting import eventually
from tests import cron_jobs
from tests.cron_jobs import Ended

pytestmark = [pytest.mark.nightly, pytest.mark.certification, pytest.mark.slow]

DUMPS = ("postgresql-dump", "redis-dump", "configuration-dump", "etcd-snapshot")
POLICY = Path(__file__).with_name("offsite-only.yaml")
LABELS = {"resilience.test/reaches": "offsite-only"}
ALONE = "only the offsite copy can be reached"
KNOCK = f"""
knock() {{ timeout 3 bash -c "exec 3<>/dev/tcp/$1/8333" 2> /dev/null; }}
getent hosts "$1" "$2" > /dev/null || {{ echo 'a server has no address'; exit 1; }}
for _ in $(seq 20); do
    if knock "$2" && ! knock "$1"; then echo '{ALONE}'; exit 0; fi
    sleep 1
done
echo 'the offsite copy cannot be reached, or the primary can'
exit 1
"""
QUARTER_S, QUIET_S = 900, (60, 780)  # the copy is made every quarter of an hour, and would mend what is damaged here
DAMAGE = """
cd "$(mktemp -d)"
name=$(rclone lsf --files-only --include='*.json.bin' offsite:dumps/postgresql | sort | tail --lines=1)
name=${name%.json.bin}.dump.bin
rclone copyto "offsite:dumps/postgresql/$name" it
byte=$(od --address-radix=n --format=u1 --skip-bytes=1000 --read-bytes=1 it)
printf "\\\\x$(printf %x $(((byte + 1) % 256)))" | dd of=it bs=1 seek=1000 conv=notrunc status=none
rclone copyto --ignore-times it "offsite:dumps/postgresql/$name"
echo "${name%.bin}"
"""
SAME = "rclone check --one-way primary:dumps offsite:dumps"


@pytest.fixture(scope="module")
def copied(kind_cluster: Cluster) -> Iterator[Cluster]:
    """A cluster with new dumps, copied offsite, and the policy that keeps the validation from the primary."""
    with ThreadPoolExecutor(len(DUMPS)) as pool:
        for ended in pool.map(lambda name: cron_jobs.run(kind_cluster, "backup", name), DUMPS):
            assert ended.succeeded, ended.log
    copy(kind_cluster)
    kind_cluster.kubectl("apply", "-f", str(POLICY))
    yield kind_cluster
    kind_cluster.kubectl("delete", "-f", str(POLICY), "--ignore-not-found")


def copy(cluster: Cluster) -> None:
    """Makes the offsite copy now."""
    ended = cron_jobs.run(cluster, "backup", "offsite-copy")
    assert ended.succeeded, ended.log


def validate(cluster: Cluster) -> Ended:
    """Runs the validation against the offsite copy alone."""
    return cron_jobs.run(cluster, "backup-validation", "backup-validation", offsite_only, within_s=600)


def offsite_only(job: dict[str, Any]) -> None:
    """Gives the validation the offsite server's address and no other, and lets it first see that this is all it has."""
    primary, offsite = address("s3"), address("s3-offsite")
    job["backoffLimit"] = 0
    job["template"]["metadata"]["labels"] |= LABELS
    spec = job["template"]["spec"]
    containers = {each["name"]: each for each in spec["initContainers"]}
    first = containers["fetch"]
    first["env"].append({"name": "RCLONE_CONFIG_PRIMARY_ENDPOINT", "value": f"https://{offsite}:8333"})
    containers["archive"]["env"].append({"name": "PGBACKREST_REPO1_S3_ENDPOINT", "value": offsite})
    alone = first | {"name": "alone", "env": [], "command": ["bash", "-c", KNOCK, "knock", primary, offsite]}
    spec["initContainers"].insert(0, alone)


def test_the_offsite_copy_alone_restores(copied: Cluster) -> None:
    ended = validate(copied)
    assert ended.succeeded, ended.log
    kinds = ("postgresql", "redis", "configuration", "etcd")
    for words in (ALONE, "the backup of pgBackRest restores", *(f"dumps/{kind} restores" for kind in kinds)):
        assert words in ended.log


@pytest.mark.control
def test_one_changed_byte_of_the_offsite_copy_is_noticed(copied: Cluster) -> None:
    eventually(
        lambda: time.time() % QUARTER_S,
        lambda past_s: QUIET_S[0] < past_s < QUIET_S[1],
        within_s=QUARTER_S,
        every_s=5,
        what="some minutes in which no copy is made",
    )
    with cron_jobs.hands(copied, "backup", "offsite-copy") as tools:
        try:
            name = tools.do(DAMAGE)
            ended = validate(copied)
        finally:
            copy(copied)
        tools.do(SAME)
    assert not ended.succeeded, ended.log
    assert ALONE in ended.log
    assert f"dumps:postgresql/{name}" in ended.log
    assert "damaged" in ended.log
