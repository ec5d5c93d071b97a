"""Latency of the mesh: two proxies add less than 10 ms to nearly all calls.

Method: one pod calls one server through both proxies and past them at the same time, in several windows; compared are
the 99th percentiles. On a machine that is short of processors nothing is proven. A failure shows each window's
difference.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("mesh.lb_latency")
def test_two_proxies_add_less_than_ten_milliseconds(experiment: Any) -> None:
    experiment("mesh/latency").kept("mesh.lb_latency")


@pytest.mark.control
def test_a_proxy_that_holds_each_call_adds_more(experiment: Any) -> None:
    experiment("mesh/latency", control="delayed").broke("mesh.lb_latency")
