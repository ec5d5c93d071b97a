"""Killed at any step of a destruction, the suite leaves behind what heal needs to bring the database back.

Method: `disaster_recovery/volume_loss` is started as a user starts it. At the event that names the step, all of its
processes get SIGKILL; then `python -m experiments heal` is run, twice. A pass means that every order that was
acknowledged is in the table again, but for those of the last log that was not in the archive when everything was
destroyed (no restore from S3 has them, and the experiment itself measures how many), that those are the newest, that
every member streams again and that orders are taken. The second heal finds nothing to undo. If it fails, look at what
heal printed and at `python -m deploy kubectl -- -n data get pods,pvc,endpoints`.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from deploy.cluster import Cluster
from deploy.waiting import eventually
from experiments.drivers.answers import ask
from experiments.drivers.database import Database
from experiments.ledger import Ledger
from loadtests import samples
from reports.judge.acknowledged import COMMIT_S, Acknowledged, Write
from tests.disaster_recovery.killed_run import KilledRun

pytestmark = [pytest.mark.slow, pytest.mark.disruptive, pytest.mark.certification]

MOMENTS = {
    "before and while data is removed": {"kind": "fault.intent"},
    "while objects are deleted": {"kind": "fault.started"},
    "when nothing is left": {"kind": "phase", "name": "destroy"},
    "while bytes come back": {"kind": "phase", "name": "restore objects"},
    "while members come back": {"kind": "phase", "name": "restore bytes"},
}
BEGINS_S, ORDERS_S = 900, 420  # callers' proxies may have ejected the api for 300 s
UNARCHIVED_S = 60 + 30  # archive_timeout, and the push of a segment


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_heal_brings_a_database_back_whose_destruction_was_killed(
    kind_cluster: Cluster, tmp_path: Path, moment: dict[str, str]
) -> None:
    run = KilledRun("disaster_recovery/volume_loss", tmp_path, kind_cluster.name)
    run.kill_when(lambda event: moment.items() <= event.items(), BEGINS_S)
    assert Ledger.of(kind_cluster.name).open()
    print(run.heal())
    assert run.heal() == "nothing to undo"

    database = Database(kind_cluster, "data", "postgres")
    told = acknowledged(run, frozenset(database.rows("shop.orders")))
    destroyed = run.first("fault.intent")["t"]
    oldest = min((write.hi for write in told.lost), default=destroyed)
    print(f"{len(told.called)} acknowledged, {len(told.lost)} lost, of the last {destroyed - oldest:.0f} s")
    assert [broken.reason for broken in told.contradictions()] == []
    assert oldest >= destroyed - UNARCHIVED_S
    assert database.behind() == []
    order = {"item": "tea", "quantity": 1}
    eventually(
        lambda: ask(f"{kind_cluster.gateway_url}/orders", body=order),
        lambda answer: answer.get("id"),
        within_s=ORDERS_S,
        every_s=2,
        what="an order to be taken",
    )


def acknowledged(run: KilledRun, rows: frozenset[str]) -> Acknowledged:
    """Returns what callers were told, and what the table had held before, beside what it holds now."""
    gone_at = run.first("fault.started").get("hi", math.inf)
    seen = samples.read(run.folder / "samples-orders.ndjson").samples
    writes = [Write(sample.answer, sample.sent, sample.done) for sample in seen if sample.answer and sample.ok]
    assert writes, "no order was acknowledged, so nothing is shown"
    before = [line.split() for line in (run.folder / "before.rows").read_text().splitlines()]
    known = {write.id for write in writes}
    return Acknowledged(
        called=tuple(write for write in writes if write.lo < gone_at),
        stood=tuple(Write(row, float(at), float(at) + COMMIT_S) for row, at in before if row not in known),
        later=tuple(write for write in writes if write.lo >= gone_at),
        restored=rows,
    )
