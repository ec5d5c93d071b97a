"""Outlier detection: a bad replica, or a whole bad zone, must be taken out of rotation before callers suffer for long.

Method: one app replica of nine, one API replica of six, or all three app replicas of a zone answer 500 while open-loop
callers go on. A pass means that the last error any caller saw, and the ejection by every client's proxy, came within
the target. If it fails, read which client was last.

What an ejection takes and how long it lasts is asked of one client alone: two errors in a row leave a replica in
rotation and three do not; it is out for five minutes and then serves again.
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


@pytest.mark.verifies("mesh.ejection_api")
def test_one_bad_replica_of_six_in_the_api_tier_is_ejected_by_every_client(experiment: Any) -> None:
    experiment("mesh/ejection_api").kept("mesh.ejection_api")


@pytest.mark.control
def test_without_outlier_detection_the_errors_of_the_api_tier_go_on(experiment: Any) -> None:
    experiment("mesh/ejection_api", control="no-outlier-detection").broke("mesh.ejection_api")


@pytest.mark.verifies("mesh.zone_isolation")
def test_all_traffic_leaves_a_zone_whose_replicas_are_all_bad(experiment: Any) -> None:
    experiment("mesh/circuit_breaker").kept("mesh.zone_isolation")


@pytest.mark.control
def test_a_zone_is_not_left_when_a_tenth_of_the_replicas_may_be_ejected(experiment: Any) -> None:
    experiment("mesh/circuit_breaker", control="ten-percent").broke("mesh.zone_isolation")


@pytest.mark.verifies("mesh.ejection_threshold")
def test_two_errors_in_a_row_leave_a_replica_in_rotation_and_three_do_not(experiment: Any) -> None:
    experiment("mesh/ejection_threshold").kept("mesh.ejection_threshold")


@pytest.mark.control
def test_with_a_threshold_of_thirty_three_errors_eject_nobody(experiment: Any) -> None:
    experiment("mesh/ejection_threshold", control="threshold-30").broke("mesh.ejection_threshold")


@pytest.mark.verifies("mesh.ejection_hold")
def test_an_ejected_replica_is_out_for_five_minutes_and_then_back(experiment: Any) -> None:
    experiment("mesh/ejection_hold").kept("mesh.ejection_hold")


@pytest.mark.control
def test_with_an_ejection_time_of_five_seconds_it_is_back_too_soon(experiment: Any) -> None:
    experiment("mesh/ejection_hold", control="five-seconds").broke("mesh.ejection_hold")


@pytest.mark.verifies("mesh.ejection_connections")
def test_a_replica_that_refuses_connections_is_ejected_by_every_client(experiment: Any) -> None:
    experiment("mesh/ejection_connections").kept("mesh.ejection_connections")


@pytest.mark.control
def test_without_outlier_detection_a_replica_that_refuses_connections_is_tried_for_ever(experiment: Any) -> None:
    experiment("mesh/ejection_connections", control="no-outlier-detection").broke("mesh.ejection_connections")
