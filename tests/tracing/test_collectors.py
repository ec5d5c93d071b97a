"""A collector that goes takes nothing along that it accepted, and nobody is refused meanwhile.

Method: a sender outside of the fault hands in ten traces a second and keeps what it was answered; collectors are
deleted or killed; then the store is read. A failure says how many traces were refused or lost, and names the first.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("trace.collectors")
def test_every_trace_is_stored_while_a_collector_is_deleted(experiment: Any) -> None:
    experiment("tracing/collectors").kept("trace.collectors")


@pytest.mark.control
def test_a_single_collector_that_is_deleted_is_noticed(experiment: Any) -> None:
    experiment("tracing/collectors", control="one-collector").broke("trace.collectors")


@pytest.mark.verifies("trace.collector_crash")
def test_collectors_that_are_killed_lose_at_most_a_second_of_what_they_accepted(experiment: Any) -> None:
    experiment("tracing/collector_crash").kept("trace.collector_crash")


@pytest.mark.control
def test_collectors_that_write_late_lose_more_and_are_noticed(experiment: Any) -> None:
    experiment("tracing/collector_crash", control="written-late").broke("trace.collector_crash")
