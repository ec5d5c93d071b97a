"""What an experiment about an alert begins with: somebody who watches it."""

from __future__ import annotations

from typing import Any

from deploy.waiting import eventually
from experiments import session
from experiments.drivers.monitoring import Monitoring
from experiments.watch.alerts import AlertWatcher


def watch_alert(alert: str, within_s: float) -> dict[str, Any]:
    """Begins to watch an alert, in Prometheus and at the receiver; ends with the experiment.

    Raises:
        Problem: Prometheus or the receiver does not answer.
    """
    running = session.current()
    watcher = AlertWatcher(running.recorder, Monitoring.of(running.cluster), alert)
    running.add(watcher)
    alarm = eventually(lambda: watcher.alarm, bool, within_s=within_s, what=f"Prometheus to tell of {alert}")
    running.still_watched()
    return {"alert": alert, "state": alarm.state if alarm else ""}


def watch_alerts(alerts: list[str], within_s: float) -> dict[str, Any]:
    """Begins to watch several alerts, each as `watch_alert` does and as soon."""
    return {"alerts": [watch_alert(alert, within_s) for alert in alerts]}
