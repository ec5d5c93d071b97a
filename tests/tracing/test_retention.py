"""Retention: a new index is begun every day, one of more than 30 days is no longer read, and then it is deleted.

Method: the deployed jobs are run now, on indices of a prefix of their own. As they are deployed they leave an index of
today alone. With nothing changed but their limit each of them acts: roll-over begins the next index, look-back takes
the old one out of what is read, and the cleaner deletes it; the index that is written to is never touched. No index can
be made older than it is, so the limit comes to the index. A failure means that the store fills up, or that traces go
early.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from deploy.cluster import Cluster
from tests import cron_jobs
from tests.cron_jobs import Hands

pytestmark = [pytest.mark.nightly, pytest.mark.certification]

NAMESPACE = "tracing"
ASK = """printf 'user = "%s:%s"\\n' "$ES_USERNAME" "$ES_PASSWORD" |
curl --config - --silent --show-error --fail --cacert "$ES_TLS_CA" --request "$1" "$ES_SERVER_URLS/$2" """
# The argument of each job that is its limit, as deployed and as it is reached today; 31 days from the next midnight.
LIMITS = {
    "jaeger-rollover": ('--conditions={"max_age": "20h", "max_docs": 5000000}', '--conditions={"max_age": "1ms"}'),
    "jaeger-lookback": ("--unit-count=31", "--unit-count=0"),
    "jaeger-index-cleaner": ("31", "0"),
}


@dataclass(frozen=True)
class Indices:
    """The span indices of one prefix."""

    cluster: Cluster
    store: Hands
    prefix: str

    def run(self, job: str, *, args: Sequence[str] = (), reached: bool = False) -> None:
        """Runs a deployed job on them: with other arguments, or with the limit that is reached today."""

        def change(spec: dict[str, Any]) -> None:
            pod = spec["template"]["spec"]
            pod["containers"] = [each for each in pod["containers"] if each["name"] == "spans"]
            (container,) = pod["containers"]
            container["env"] = [{"name": "INDEX_PREFIX", "value": self.prefix}]
            deployed, today = LIMITS[job]
            assert container["args"].count(deployed) == 1, container["args"]
            limited = [today if each == deployed else each for each in container["args"]]
            container["args"] = list(args) or (limited if reached else container["args"])

        ended = cron_jobs.run(self.cluster, NAMESPACE, job, change)
        assert ended.succeeded, ended.log

    def aliases(self) -> dict[str, set[str]]:
        """Returns by number of the index what it is used for: read, write."""
        found = json.loads(self.store.do(ASK, "GET", f"{self.prefix}-jaeger-span-*/_alias"))
        return {
            name.rpartition("-")[2]: {alias.rpartition("-")[2] for alias in about["aliases"]}
            for name, about in found.items()
        }


@pytest.fixture(scope="module")
def store(kind_cluster: Cluster) -> Iterator[Hands]:
    found = json.loads(kind_cluster.kubectl("-n", NAMESPACE, "get", "statefulset", "opensearch", "-o", "json"))
    image = found["spec"]["template"]["spec"]["containers"][0]["image"]  # it has curl

    def with_curl(spec: dict[str, Any]) -> None:
        spec["containers"][0]["image"] = image

    with cron_jobs.hands(kind_cluster, NAMESPACE, "jaeger-rollover", with_curl) as pod:
        yield pod


@contextmanager
def begun(cluster: Cluster, store: Hands) -> Iterator[Indices]:
    """Gives indices as Jaeger's own initialization makes them; they are gone afterwards."""
    indices = Indices(cluster, store, f"retention-{uuid4().hex[:8]}")
    try:
        indices.run("jaeger-rollover", args=["init", "$(ES_SERVER_URLS)"])
        yield indices
    finally:
        for what in ("", "_template/"):
            store.do(ASK, "DELETE", f"{what}{indices.prefix}-*")


def test_an_index_of_today_is_left_alone_by_the_jobs_as_deployed(kind_cluster: Cluster, store: Hands) -> None:
    with begun(kind_cluster, store) as indices:
        for job in LIMITS:
            indices.run(job)
            assert indices.aliases() == {"000001": {"read", "write"}}, job


def test_each_job_acts_when_its_limit_is_reached(kind_cluster: Cluster, store: Hands) -> None:
    with begun(kind_cluster, store) as indices:
        indices.run("jaeger-rollover", reached=True)
        assert indices.aliases() == {"000001": {"read"}, "000002": {"read", "write"}}
        for job in ("jaeger-lookback", "jaeger-index-cleaner"):  # one of today that is not written to
            indices.run(job)
            assert indices.aliases() == {"000001": {"read"}, "000002": {"read", "write"}}, job
        indices.run("jaeger-lookback", reached=True)
        assert indices.aliases() == {"000001": set(), "000002": {"read", "write"}}
        indices.run("jaeger-index-cleaner", reached=True)
        assert indices.aliases() == {"000002": {"read", "write"}}


@pytest.mark.control
def test_a_cleaner_that_looks_elsewhere_is_noticed(kind_cluster: Cluster, store: Hands) -> None:
    with begun(kind_cluster, store) as indices:
        indices.run("jaeger-rollover", reached=True)
        # Without --rollover it looks for indices that are named after a day.
        indices.run("jaeger-index-cleaner", args=["0", "$(ES_SERVER_URLS)"])
        assert set(indices.aliases()) == {"000001", "000002"}
