"""Releases by routing: the canary gets its 10 %, and who asks for variant B is answered by version 2, nobody else.

Method: callers at the gateway and in each zone call both routes and keep the version that each answer names. A failure
says the measured share, and at whose proxy it is another one, or names requests that the wrong version answered.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("mesh.canary")
def test_one_request_in_ten_is_answered_by_the_canary(experiment: Any) -> None:
    experiment("mesh/routing").kept("mesh.canary")


@pytest.mark.verifies("mesh.ab")
def test_the_header_alone_decides_which_variant_answers(experiment: Any) -> None:
    experiment("mesh/routing").kept("mesh.ab")


@pytest.mark.control
def test_forty_percent_to_the_canary_are_noticed(experiment: Any) -> None:
    experiment("mesh/routing", control="misrouted").broke("mesh.canary")


@pytest.mark.control
def test_a_route_that_ignores_the_header_is_noticed(experiment: Any) -> None:
    experiment("mesh/routing", control="misrouted").broke("mesh.ab")
