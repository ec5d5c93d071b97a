"""Sees how an alert stands in Prometheus, and what of it reaches whoever is to be told.

Both are polled once a second. A change in Prometheus lies between the start of the last poll that did not show it and
the end of the first that did; a notification carries the receiver's own moment.
"""

from __future__ import annotations

import time

from deploy.errors import Problem
from experiments.drivers.monitoring import Alarm, Monitoring, Notice
from experiments.record import Recorder
from experiments.watch.thread import Watcher

PROMETHEUS = "prometheus"  # who tells, beside the channels
PERIOD_S = 1.0
SILENCE_S_MAX = 15.0  # unanswered for longer, it was not watched


class AlertWatcher(Watcher):
    """Writes `alert` events for one alert: by prometheus whenever its state changes, by each channel that is told.

    Attributes:
        alarm: how the alert stands, None before the first poll.
        heard: what reached the receiver of it since the watch began.
    """

    def __init__(self, recorder: Recorder, monitoring: Monitoring, alert: str) -> None:
        super().__init__(f"alert watcher of {alert}", recorder)
        self.monitoring, self.alert = monitoring, alert
        self.alarm: Alarm | None = None
        self.heard: list[Notice] = []
        self._since = self._last = time.monotonic()

    def watch(self) -> None:
        """Polls until stopped, and says at the end how it stood."""
        while not self.stopping.is_set():
            lo = time.monotonic()
            try:
                self._poll(lo)
            except Problem:
                if time.monotonic() - self._last > SILENCE_S_MAX:
                    raise
            self.stopping.wait(PERIOD_S)
        if self.alarm:
            self._tell(self.alarm.state, PROMETHEUS, self._last, time.monotonic())

    def channels(self, status: str) -> set[str]:
        """Returns the channels that were told so."""
        return {notice.channel for notice in self.heard if notice.status == status}

    def _poll(self, lo: float) -> None:
        alarm = self.monitoring.alarm(self.alert)
        hi = time.monotonic()
        if alarm != self.alarm:
            begin = lo if self.alarm is None else self._last
            self.alarm = alarm
            self._tell(alarm.state, PROMETHEUS, begin, hi)
        for notice in self.monitoring.received(self._since):
            self._since = notice.at
            if self.alert in notice.alerts:
                self._tell(notice.status, notice.channel, notice.at, notice.at)
                self.heard.append(notice)
        self._last = lo

    def _tell(self, state: str, by: str, lo: float, hi: float) -> None:
        severity = self.alarm.severity if self.alarm else ""
        about = self.alarm.about if self.alarm and by == PROMETHEUS else ()
        self.recorder.event("alert", name=self.alert, state=state, by=by, severity=severity, about=about, lo=lo, hi=hi)
