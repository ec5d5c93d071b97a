"""Propagation: an order is exactly one trace over gateway, app, api, database call and worker.

Method: fifty orders through the gateway, after as many to warm the connections up; every trace of the run is read from
the store. A failure names the first orders whose trace is missing, split or incomplete, and what each lacks.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.smoke
@pytest.mark.verifies("trace.propagation")
def test_an_order_is_one_trace_from_the_gateway_to_the_worker(experiment: Any) -> None:
    experiment("tracing/propagation").kept("trace.propagation")


@pytest.mark.control
def test_a_hop_that_drops_the_headers_splits_the_trace(experiment: Any) -> None:
    experiment("tracing/propagation", control="headers-dropped").broke("trace.propagation")
