"""Whether alerting can be watched, and what came of the alert that is."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually
from experiments import session
from experiments.drivers.monitoring import Monitoring
from experiments.watch.alerts import AlertWatcher

CALLED_OFF_POLLS = 20  # 2 s apart: longer than Alertmanager's group_interval
PROBE = "ReceiverProbe"  # the name under which the record says that the receiver was alive


def quiet(alert: str, within_s: float) -> bool:
    """Says whether an alert is neither active nor remembered, waiting up to `within_s`: an earlier fault may echo.

    One that was not quiet at first must stay so until Alertmanager has told everybody that it is over.
    """
    monitoring = Monitoring.of(session.current().cluster)
    try:
        if not monitoring.is_quiet(alert):
            eventually(
                lambda: monitoring.is_quiet(alert),
                bool,
                within_s=within_s,
                every_s=2,
                converge=CALLED_OFF_POLLS,
                what=f"{alert} to be quiet",
            )
    except (NotSo, Problem):
        return False
    return True


def loud(alerts: list[str], within_s: float) -> str:
    """Returns which of several alerts are not quiet, "none" when all are, waiting up to `within_s` in all."""
    end = time.monotonic() + within_s
    return ", ".join(alert for alert in alerts if not quiet(alert, max(1.0, end - time.monotonic()))) or "none"


def receiver_alive(within_s: float) -> bool:
    """Sends the receiver a notification and says whether it tells of it; recorded as an alert of the name PROBE."""
    running = session.current()
    monitoring = Monitoring.of(running.cluster)
    lo = time.monotonic()
    try:
        word = monitoring.greet()
        eventually(
            lambda: [notice for notice in monitoring.received(lo) if word in str(notice.body)],
            bool,
            within_s=within_s,
            what="the receiver to tell of what it got",
        )
    except (NotSo, Problem):
        return False
    running.recorder.event("alert", name=PROBE, state="firing", by="slack", lo=lo, hi=time.monotonic())
    return True


def told(status: str, channels: list[str], within_s: float) -> dict[str, Any]:
    """Holds on until every channel was told of the watched alert, `within_s` at most; who was not is a finding.

    That it is over (status resolved) is awaited from those alone who were told that it began.
    """
    running = session.current()
    watcher = next(watcher for watcher in running.watchers if isinstance(watcher, AlertWatcher))
    awaited = set(channels) & watcher.channels("firing") if status == "resolved" else set(channels)
    begin = time.monotonic()
    with suppress(NotSo):  # the judge reads from the record who was not
        eventually(
            lambda: watcher.channels(status),
            awaited.issubset,
            within_s=within_s,
            what=f"{', '.join(awaited)} to be told",
        )
    running.still_watched()
    return {"told": sorted(watcher.channels(status)), "after_s": time.monotonic() - begin}
