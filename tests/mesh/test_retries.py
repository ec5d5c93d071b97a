"""Retries: a call over one bad replica succeeds, its tries come at growing gaps, and no call hangs for ever.

Method: one app replica answers 503, then all others do, then the whole api tier hangs, while open-loop callers go on.
If it fails, read which caller saw errors, how the gaps between the tries grew, or which caller's call took longest.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.disruptive, pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("mesh.retry")
def test_a_call_over_one_bad_replica_succeeds(experiment: Any) -> None:
    experiment("mesh/retries").kept("mesh.retry")


@pytest.mark.verifies("mesh.retry_backoff")
def test_the_gaps_between_the_tries_of_a_call_grow(experiment: Any) -> None:
    experiment("mesh/retries").kept("mesh.retry_backoff")


@pytest.mark.verifies("mesh.retry_timeout")
def test_a_call_ends_in_time_although_every_upstream_hangs(experiment: Any) -> None:
    experiment("mesh/retries").kept("mesh.retry_timeout")


@pytest.mark.control
def test_without_retries_callers_see_the_bad_replica(experiment: Any) -> None:
    experiment("mesh/retries", control="once").broke("mesh.retry")


@pytest.mark.control
def test_without_retries_there_is_no_gap_that_grows(experiment: Any) -> None:
    experiment("mesh/retries", control="once").broke("mesh.retry_backoff")


@pytest.mark.control
def test_with_a_minute_for_a_call_it_takes_longer_than_promised(experiment: Any) -> None:
    experiment("mesh/retries", control="sixty-seconds").broke("mesh.retry_timeout")
