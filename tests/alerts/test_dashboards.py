"""Every query of every dashboard is answered by the live Prometheus, and a misspelt one is noticed.

Method: a little traffic is made, and a backup where there is none to show; each query is asked as Grafana would.
A panel whose silence is no fault says so in its description, and must still name metrics that exist. A failure names
panel and query: a metric was renamed, is no longer scraped, or is dropped before it is stored.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from deploy.cluster import Cluster
from deploy.waiting import eventually
from experiments import pods
from experiments.drivers import velero
from experiments.drivers.answers import ask
from experiments.drivers.monitoring import Monitoring
from tests.alerts.dashboards import Query, load, queries, unanswered

pytestmark = [pytest.mark.smoke, pytest.mark.nightly, pytest.mark.certification]

PATIENCE_S = 150  # a few scrapes of what has just begun to be counted, on a machine that is busy
BACKUP_S = 240
CALLER = "caller-us-east-1a"
BROWSE = """
import urllib.request
for _ in range(10):
    urllib.request.urlopen("http://app.shop.svc.cluster.local:8080/", timeout=10).read()
"""
ASKED = [query for dashboard in load().values() for query in queries(dashboard)]


@pytest.fixture(scope="module")
def monitoring(kind_cluster: Cluster) -> Monitoring:
    return Monitoring.of(kind_cluster)


def call(cluster: Cluster) -> None:
    """Makes a little traffic through the gateway, and from a zone to the others."""
    for _ in range(3):
        ask(f"{cluster.gateway_url}/orders", body={"item": "tea", "quantity": 1}, silence_s=10)
    pod = pods.one_running(cluster, "callers", f"app={CALLER}")
    cluster.exec("callers", pod.name, ["python3", "-c", BROWSE], container="caller", timeout_s=60)


def back_up(cluster: Cluster) -> None:
    """Backs up once, by Velero and by a job: on a young cluster no schedule may have come round yet."""
    job = f"dashboards-{uuid.uuid4().hex[:6]}"
    cluster.kubectl("-n", "backup", "create", "job", job, "--from=cronjob/configuration-dump")
    velero.back_up(cluster, "incremental-hourly", BACKUP_S)


def test_every_panel_has_data(kind_cluster: Cluster, monitoring: Monitoring) -> None:
    def missing() -> list[str]:
        call(kind_cluster)  # again each time: what has only just begun to be counted has no rate yet
        return unanswered(monitoring, ASKED)

    if missing():
        back_up(kind_cluster)
        eventually(missing, lambda wrong: not wrong, within_s=PATIENCE_S, every_s=5, what="every panel to have data")


@pytest.mark.control
def test_a_misspelt_metric_is_noticed_in_every_panel(monitoring: Monitoring) -> None:
    for query in ASKED:
        name = min(query.metrics)
        spoilt = replace(query, expression=query.expression.replace(name, f"{name}_misspelt"))
        assert unanswered(monitoring, [spoilt]), query.expression


@pytest.mark.control
def test_a_query_that_prometheus_refuses_is_noticed(monitoring: Monitoring) -> None:
    refused = Query("a panel", "sum by (up", may_be_empty=True)
    assert "parse error" in unanswered(monitoring, [refused])[0]
