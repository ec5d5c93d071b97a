"""Collectors and query pods become more under load, and the least again after it.

Method: traces are handed in and searched until both autoscalers have added pods, then nobody sends any more and the
pods must go. A failure names the tier that did not grow, or that did not shrink, and how many pods there were at most.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.slow
@pytest.mark.verifies("trace.autoscaling")
def test_load_makes_more_of_both_and_its_end_fewer(experiment: Any) -> None:
    experiment("tracing/autoscaling").kept("trace.autoscaling")


@pytest.mark.slow
@pytest.mark.control
def test_autoscalers_that_may_add_none_are_noticed(experiment: Any) -> None:
    experiment("tracing/autoscaling", control="fixed").broke("trace.autoscaling")
