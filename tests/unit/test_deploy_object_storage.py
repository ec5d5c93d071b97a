"""Who may do what at the two object stores, as their configuration says it."""

from __future__ import annotations

import json

import pytest

from deploy.disaster_recovery.object_storage.component import identities

PASSWORDS = {f"s3-{name}": f"secret-of-{name}" for name in ("velero", "backup", "offsite", "admin")}
SERVERS = {"primary": False, "offsite": True}
BUCKETS = ("velero", "postgresql", "dumps")


def rights(*, offsite: bool) -> dict[str, set[str]]:
    listed = json.loads(identities(PASSWORDS, offsite=offsite))["identities"]
    return {item["name"]: set(item["actions"]) for item in listed}


@pytest.mark.parametrize("server", SERVERS)
def test_every_identity_signs_with_a_secret_of_its_own(server: str) -> None:
    for item in json.loads(identities(PASSWORDS, offsite=SERVERS[server]))["identities"]:
        assert item["credentials"] == [{"accessKey": item["name"], "secretKey": f"secret-of-{item['name']}"}]


@pytest.mark.parametrize("server", SERVERS)
def test_owners_touch_their_own_buckets_only(server: str) -> None:
    found = rights(offsite=SERVERS[server])
    assert {action.partition(":")[2] for action in found["velero"]} == {"velero"}
    assert {action.partition(":")[2] for action in found["backup"]} == {"postgresql", "dumps"}


def test_on_the_primary_owners_write_and_the_replication_only_reads() -> None:
    found = rights(offsite=False)
    assert "Write:velero" in found["velero"]
    assert found["offsite"] == {f"{action}:{bucket}" for bucket in BUCKETS for action in ("Read", "List")}


def test_offsite_only_the_replication_writes() -> None:
    found = rights(offsite=True)
    writers = {name for name, actions in found.items() if any(action.startswith("Write") for action in actions)}
    assert writers == {"offsite"}
    assert found["admin"] == {"Admin"}
