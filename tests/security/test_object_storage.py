"""Backups are read and written only by those that they belong to, and never over an open line.

Method: signed requests from a pod that the network policy admits, with right and wrong keys, on own and foreign
buckets; and a connection from a pod that it does not admit. A failure means that whoever gets into some pod can read,
or spoil, backups.
"""

from __future__ import annotations

from uuid import uuid4

import pytest

from deploy.cluster import Cluster
from deploy.disaster_recovery.object_storage.component import BUCKETS, address
from tests.security.object_storage_client import Client

pytestmark = [pytest.mark.live, pytest.mark.security, pytest.mark.nightly]

OWNED = [(owner, bucket) for owner, buckets in BUCKETS.items() for bucket in buckets]
DENIED = 403
KNOCK = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2).close()
    print("open")
except TimeoutError:
    print("closed")
"""


@pytest.fixture
def primary(kind_cluster: Cluster) -> Client:
    return Client(kind_cluster)


@pytest.fixture
def offsite(kind_cluster: Cluster) -> Client:
    return Client(kind_cluster, "s3-offsite")


@pytest.mark.parametrize(("owner", "bucket"), OWNED)
def test_the_owner_reads_its_bucket_and_a_wrong_key_does_not(primary: Client, owner: str, bucket: str) -> None:
    assert primary.status(owner, f"/{bucket}") == 200
    assert primary.status(owner, f"/{bucket}", secret="guessed") == DENIED


@pytest.mark.parametrize(("stranger", "bucket"), [("backup", "velero"), ("velero", "postgresql"), ("velero", "dumps")])
def test_nobody_reads_a_foreign_bucket(primary: Client, stranger: str, bucket: str) -> None:
    assert primary.status(stranger, f"/{bucket}") == DENIED


def test_the_server_refuses_plain_http(primary: Client) -> None:
    assert primary.status("velero", "/velero", scheme="http") == 400


def test_what_the_primary_takes_from_its_owner_the_offsite_copy_does_not(primary: Client, offsite: Client) -> None:
    # Not in Velero's bucket: it refuses a store with a folder in it that it does not know.
    thing = f"/dumps/written-by-a-test-{uuid4().hex}"
    assert primary.status("backup", thing, method="PUT") == 200
    assert primary.status("backup", thing, method="DELETE") == 204
    assert offsite.status("backup", "/dumps") == 200
    assert offsite.status("backup", thing, method="PUT") == DENIED
    assert primary.status("offsite", thing, method="PUT") == DENIED


def test_a_namespace_that_is_not_admitted_does_not_get_through(kind_cluster: Cluster) -> None:
    assert door(kind_cluster, "kube-dns.kube-system.svc.cluster.local", 53) == "open"  # the caller can see an open one
    assert door(kind_cluster, address("s3"), 8333) == "closed"
    assert door(kind_cluster, address("s3-offsite"), 8333) == "closed"


def door(cluster: Cluster, host: str, port: int) -> str:
    """Says whether a pod outside the mesh, whose connections no proxy accepts in another's place, gets through."""
    caller = cluster.pods("callers", "app=outsider")[0].metadata.name
    return cluster.exec("callers", caller, ["python3", "-c", KNOCK, host, str(port)]).strip()
