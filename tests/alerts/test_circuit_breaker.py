"""An ejected replica is told on Slack in time and on no other channel, and the end of its ejection is told too.

Method: one app replica answers 500 until callers' proxies eject it; once Slack has been told, the replica is deleted.
A pass means that the first ejection was heard of within the target, as a warning, and that it was called off in time.
If it fails, read whether Prometheus saw the ejection (its own state is in the reason) or only Slack did not.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.disruptive, pytest.mark.nightly, pytest.mark.certification]


@pytest.mark.smoke
@pytest.mark.verifies("alert.circuit_breaker")
def test_an_ejected_replica_is_told_on_slack(experiment: Any) -> None:
    experiment("alerts/circuit_breaker").kept("alert.circuit_breaker")


@pytest.mark.control
def test_without_the_proxies_metrics_nobody_hears_of_it(experiment: Any) -> None:
    experiment("alerts/circuit_breaker", control="no-envoy-metrics").broke("alert.circuit_breaker")
