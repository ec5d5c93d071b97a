"""Metrics of the mesh: request rate, errors, latency, ejections and retries are in Prometheus, and they are true.

Method: one app replica answers 503 until every caller's proxy has ejected it; Prometheus is compared with what the
callers, the proxies' flags and the replica itself counted. A failure names each figure that differs, with both counts.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.disruptive, pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("mesh.metrics")
def test_what_prometheus_says_of_the_mesh_is_what_its_callers_saw(experiment: Any) -> None:
    experiment("mesh/metrics").kept("mesh.metrics")


@pytest.mark.control
def test_a_mesh_that_is_not_scraped_has_no_metrics(experiment: Any) -> None:
    experiment("mesh/metrics", control="not-scraped").broke("mesh.metrics")
