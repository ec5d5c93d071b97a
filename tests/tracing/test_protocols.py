"""Traces are taken by every protocol that is promised, and a dispatch of HotROD is one trace over its services.

Method: one trace by each protocol, with tags of its own, and five dispatches, each within a trace of known id; each is
looked for in the store. A failure names the protocol with what was answered, or the dispatch with what its trace lacks.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("trace.protocols")
def test_a_trace_is_taken_by_every_protocol_with_its_tags(experiment: Any) -> None:
    experiment("tracing/protocols").kept("trace.protocols")


@pytest.mark.verifies("trace.hotrod")
def test_a_dispatch_of_hotrod_is_one_trace(experiment: Any) -> None:
    experiment("tracing/protocols").kept("trace.hotrod")


@pytest.mark.control
def test_receivers_that_are_off_are_noticed(experiment: Any) -> None:
    experiment("tracing/protocols", control="grpc-only").broke("trace.protocols")


@pytest.mark.control
def test_a_hotrod_whose_spans_nobody_takes_is_noticed(experiment: Any) -> None:
    experiment("tracing/protocols", control="grpc-only").broke("trace.hotrod")
