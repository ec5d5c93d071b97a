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
