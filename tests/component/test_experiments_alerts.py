"""What watches an alert tells it as honest intervals, and says so when it could not look."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.errors import Problem
from deploy.images.notifications.receiver.serving import Inbox, serve
from deploy.waiting import eventually
from experiments.drivers import monitoring
from experiments.drivers.monitoring import Alarm, Monitoring, Notice
from experiments.record import Recorder, read_lines
from experiments.watch import alerts
from experiments.watch.alerts import AlertWatcher

QUIET, PENDING = Alarm("inactive", "critical"), Alarm("pending", "critical")
FIRING = Alarm("firing", "critical", ("tier=app",))


class Scripted:
    """Answers as it was told, one answer a poll, the last for ever."""

    def __init__(self, alarms: list[Alarm | None], notices: list[Notice]) -> None:
        self.alarms, self.notices, self.polls = alarms, notices, 0

    def alarm(self, _alert: str) -> Alarm:
        alarm = self.alarms[min(self.polls, len(self.alarms) - 1)]
        self.polls += 1
        if alarm is None:
            raise Problem("nobody answers")
        return alarm

    def received(self, after: float) -> list[Notice]:
        return [notice for notice in self.notices if notice.at > after]


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[AlertWatcher, list[Any]]]:
    monkeypatch.setattr(alerts, "PERIOD_S", 0.01)

    def watch(*alarms: Alarm | None, notices: list[Notice] | None = None) -> tuple[AlertWatcher, list[Any]]:
        script = Scripted(list(alarms), notices or [])
        watcher = AlertWatcher(Recorder(tmp_path), script, "A")  # type: ignore[arg-type]
        watcher.start()
        enough = len(alarms) + 2
        eventually(lambda: script.polls >= enough or watcher.failed, bool, within_s=60, every_s=0.01, what="polls")
        watcher.stop()
        return watcher, [line for line in read_lines(tmp_path / "events.ndjson") if line["kind"] == "alert"]

    return watch


def test_a_change_lies_between_the_last_poll_without_it_and_the_first_with_it(watched: Any) -> None:
    watcher, told = watched(QUIET, QUIET, PENDING, FIRING)
    assert [event["state"] for event in told] == ["inactive", "pending", "firing", "firing"]
    assert all(event["by"] == "prometheus" and event["severity"] == "critical" for event in told)
    assert [event["about"] for event in told] == [[], [], ["tier=app"], ["tier=app"]]
    assert told[1]["lo"] >= told[0]["lo"]
    assert told[1]["hi"] - told[1]["lo"] >= 0.01, "from the poll before, not from the one that saw it"
    assert told[-1]["hi"] >= told[-2]["hi"], "how it stood when the watch ended"
    assert watcher.failed is None


def test_a_notification_is_told_once_and_only_of_this_alert(watched: Any) -> None:
    later = time.monotonic() + 1000
    notices = [
        Notice(later, "slack", "firing", ("A", "B"), {}),
        Notice(later + 1, "email", "firing", ("B",), {}),
        Notice(later + 2, "pagerduty", "resolved", ("A",), {}),
    ]
    watcher, told = watched(FIRING, FIRING, FIRING, notices=notices)
    heard = [(event["by"], event["state"], event["lo"]) for event in told if event["by"] != "prometheus"]
    assert heard == [("slack", "firing", later), ("pagerduty", "resolved", later + 2)]
    assert (watcher.channels("firing"), watcher.channels("resolved")) == ({"slack"}, {"pagerduty"})


def test_a_poll_without_an_answer_widens_the_interval(watched: Any) -> None:
    _, told = watched(QUIET, None, None, FIRING)
    assert told[1]["hi"] - told[1]["lo"] >= 0.03


def test_a_silence_that_lasts_ends_the_watch_as_a_failure(watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "SILENCE_S_MAX", 0)
    watcher, _ = watched(QUIET, None, None, None)
    assert watcher.failed is not None
    assert "nobody answers" in watcher.failed


@pytest.fixture
def receiver() -> Iterator[Monitoring]:
    server = serve(Inbox(), "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield Monitoring("http://127.0.0.1:1", "http://127.0.0.1:1", f"http://127.0.0.1:{server.server_address[1]}")
    server.shutdown()
    server.server_close()


def test_the_receiver_tells_of_what_it_was_sent_and_only_of_what_came_after(receiver: Monitoring) -> None:
    before = time.monotonic()
    word = receiver.greet()
    (notice,) = receiver.received(before)
    assert word in str(notice.body)
    assert before < notice.at < time.monotonic()
    assert receiver.received(notice.at) == []


def test_nobody_there_is_a_problem_with_a_fix(receiver: Monitoring) -> None:
    with pytest.raises(Problem, match="does not answer"):
        receiver.alarm("A")


def test_the_worst_instance_of_an_alert_counts_and_an_unknown_one_is_a_problem(
    receiver: Monitoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules: list[dict[str, Any]] = [
        {"name": "A", "state": state, "labels": {"severity": "warning"}, "alerts": []}
        for state in ("inactive", "firing", "pending")
    ]
    rules[1]["alerts"] = [
        {"state": "firing", "labels": {"alertname": "A", "severity": "warning", "to": "b", "from": "a"}},
        {"state": "firing", "labels": {"alertname": "A", "severity": "warning"}},
        {"state": "pending", "labels": {"alertname": "A", "severity": "warning", "to": "c"}},
    ]
    answer = {"data": {"groups": [{"rules": rules[:1]}, {"rules": rules[1:]}]}}
    monkeypatch.setattr(monitoring, "ask", lambda *_: answer)
    assert receiver.alarm("A") == Alarm("firing", "warning", ("everything", "from=a,to=b"))
    with pytest.raises(Problem, match="no alert B"):
        receiver.alarm("B")


@pytest.mark.parametrize(("standing", "quiet"), [([], True), ([{}], False)])
def test_an_alert_that_alertmanager_remembers_is_not_quiet(
    receiver: Monitoring, monkeypatch: pytest.MonkeyPatch, standing: Any, quiet: Any
) -> None:
    rules = {"data": {"groups": [{"rules": [{"name": "A", "state": "inactive", "labels": {}, "alerts": []}]}]}}
    monkeypatch.setattr(monitoring, "ask", lambda url, _fields: standing if "/api/v2/alerts" in url else rules)
    assert receiver.is_quiet("A") is quiet
