"""Outlier detection: one bad replica of nine must be taken out of rotation before callers suffer for long.

Method: one app replica answers 500 for 75 s while four open-loop callers go on. A pass means that the last error any
caller saw, and the ejection by every client's proxy, came within the target. If it fails, read which client was last.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.disruptive, pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.smoke
@pytest.mark.verifies("mesh.ejection")
def test_one_bad_replica_of_nine_is_ejected_by_every_client(experiment: Any) -> None:
    experiment("mesh/ejection").kept("mesh.ejection")


@pytest.mark.control
def test_without_outlier_detection_the_errors_go_on(experiment: Any) -> None:
    experiment("mesh/ejection", control="no-outlier-detection").broke("mesh.ejection")


@pytest.mark.verifies("mesh.ejection_timeout")
def test_a_replica_that_never_answers_is_ejected_by_every_client(experiment: Any) -> None:
    """It hangs instead of answering 500: a proxy that gives a try up after 2 s counts it as a failure."""
    experiment("mesh/ejection_timeout").kept("mesh.ejection_timeout")


@pytest.mark.control
def test_without_outlier_detection_a_silent_replica_is_never_ejected(experiment: Any) -> None:
    experiment("mesh/ejection_timeout", control="no-outlier-detection").broke("mesh.ejection_timeout")
