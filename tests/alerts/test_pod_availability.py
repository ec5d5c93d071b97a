"""Pod availability: 5 of 9 ready is told to everybody on call in time, 6 of 9 to nobody, and the end is told too.

Method: three app replicas are made not ready and held for as long as an alert would take to be heard, then a fourth.
A pass means that Slack, e-mail and PagerDuty each heard of the fourth within the target and of nothing before it, and
that each was told of the recovery. If it fails, the reason says which channel was late, and whether Prometheus was.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.disruptive, pytest.mark.nightly, pytest.mark.certification, pytest.mark.slow]


@pytest.mark.verifies("alert.pod_availability")
def test_the_fourth_of_nine_is_told_to_everybody_and_the_third_to_nobody(experiment: Any) -> None:
    experiment("alerts/pod_availability").kept("alert.pod_availability")


@pytest.mark.control
def test_without_kube_state_metrics_nobody_hears_of_it(experiment: Any) -> None:
    experiment("alerts/pod_availability", control="no-kube-state-metrics").broke("alert.pod_availability")
