"""A namespace that was deleted comes back from the store, with every byte of its volume.

Method: random bytes in a volume, a backup, the namespace and its volume deleted, a restore, and the digest compared.
Velero's own phases are not believed: it calls restores complete that brought back empty volumes. A failure means that a
backup which looks good is not one.
"""

from __future__ import annotations

import json

import pytest

from deploy.cluster import Cluster
from tests.disaster_recovery.velero_round_trip import RoundTrip, round_trip

pytestmark = [pytest.mark.nightly]

SCHEDULES = {"full-daily": ("0 2 * * *", "720h"), "incremental-hourly": ("20 * * * *", "168h")}


def goes_round(trip: RoundTrip, annotations: dict[str, str] | None = None) -> bool:
    """Says whether the bytes survive; every step must look good to Velero, with and without them."""
    before = trip.fill(annotations=annotations or {})
    assert trip.back_up() == "Completed"
    trip.lose()
    assert trip.restore() == "Completed"
    survived = trip.digest() == before
    print({step: round(seconds, 1) for step, seconds in trip.seconds.items()})
    return survived


@pytest.mark.smoke
def test_a_deleted_namespace_comes_back_with_every_byte(kind_cluster: Cluster) -> None:
    with round_trip(kind_cluster) as trip:
        assert goes_round(trip)


@pytest.mark.control
def test_a_volume_that_was_left_out_of_the_backup_is_missed(kind_cluster: Cluster) -> None:
    with round_trip(kind_cluster) as trip:
        assert not goes_round(trip, {"backup.velero.io/backup-volumes-excludes": "data"})


@pytest.mark.smoke
@pytest.mark.parametrize("name", SCHEDULES)
def test_the_document_s_schedules_are_in_force(kind_cluster: Cluster, name: str) -> None:
    found = json.loads(kind_cluster.kubectl("-n", "velero", "get", "schedule", name, "-o", "json"))
    spec = found["spec"]
    assert found["status"]["phase"] == "Enabled"
    assert not spec.get("paused")
    assert (spec["schedule"], spec["template"]["ttl"]) == SCHEDULES[name]
