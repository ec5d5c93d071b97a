"""Rate limiting: a gateway pod answers 429 to what is beyond its limit, to nothing below it, and recovers at once.

Method: one gateway pod is called from outside the mesh below its limit, at three times its limit, and below it again.
If it fails, read how many requests passed that should not have, and how many were refused below the limit.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.disruptive, pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.verifies("mesh.rate_limit")
def test_what_is_beyond_the_limit_is_refused_and_nothing_else(experiment: Any) -> None:
    experiment("mesh/rate_limit").kept("mesh.rate_limit")


@pytest.mark.control
def test_without_a_limit_the_flood_passes(experiment: Any) -> None:
    experiment("mesh/rate_limit", control="no-limit").broke("mesh.rate_limit")
