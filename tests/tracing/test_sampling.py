"""Sampling: one browsing request in ten is traced, and every order, wherever in the mesh it starts.

Method: callers at the gateway and in each zone send marked requests; every trace of the run is read from the store and
requests whose first proxy began a trace are counted. A failure says the measured share, or names the untraced orders.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("trace.sampling_default")
def test_one_request_in_ten_is_traced(experiment: Any) -> None:
    experiment("tracing/sampling").kept("trace.sampling_default")


@pytest.mark.verifies("trace.sampling_critical")
def test_every_order_is_traced(experiment: Any) -> None:
    experiment("tracing/sampling").kept("trace.sampling_critical")


@pytest.mark.control
def test_sampling_two_percent_is_noticed(experiment: Any) -> None:
    experiment("tracing/sampling", control="two-percent").broke("trace.sampling_default")


@pytest.mark.control
def test_orders_sampled_like_everything_else_are_noticed(experiment: Any) -> None:
    experiment("tracing/sampling", control="two-percent").broke("trace.sampling_critical")
