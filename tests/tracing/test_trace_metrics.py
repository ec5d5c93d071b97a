"""The live metrics of tracing agree with the store: as many spans and traces of each service in both.

Method: orders are placed, every one of which is traced; the store is read until it has stopped growing, and Prometheus
until it has scraped the collectors since. A failure names each service with both counts.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("trace.metrics")
def test_the_metrics_count_what_the_store_holds(experiment: Any) -> None:
    experiment("tracing/metrics").kept("trace.metrics")


@pytest.mark.control
def test_collectors_that_are_not_scraped_are_noticed(experiment: Any) -> None:
    experiment("tracing/metrics", control="not-scraped").broke("trace.metrics")
