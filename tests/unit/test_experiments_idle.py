"""What the idle run asks before it begins, and whom it watches."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from experiments import session
from experiments.actions import alerts as actions
from experiments.drivers.monitoring import Alarm, Monitoring
from experiments.probes import alerts as probes
from experiments.record import Recorder, read_lines

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_loud_alerts_are_named_and_the_time_for_them_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []

    def quiet(alert: str, within_s: float) -> bool:
        asked.append((alert, within_s))
        return alert != "B"

    monkeypatch.setattr(probes, "quiet", quiet)
    assert probes.loud(["A", "B", "C"], within_s=30) == "B"
    assert probes.loud(["A", "C"], within_s=30) == "none"
    assert all(0 < within_s <= 30 for _, within_s in asked)
    assert probes.loud(["A"], within_s=0) == "none"
    assert asked[-1] == ("A", 1.0)


def test_every_alert_that_is_named_gets_a_watcher_that_tells_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: Any = session.Session(
        SimpleNamespace(url=lambda service: service),  # type: ignore[arg-type]
        Recorder(tmp_path),
        {},
        SimpleNamespace(),  # type: ignore[arg-type]
    )
    monkeypatch.setattr(session, "_running", [running])
    monkeypatch.setattr(Monitoring, "alarm", lambda _self, _alert: Alarm("inactive", "warning"))
    monkeypatch.setattr(Monitoring, "received", lambda _self, _after: [])
    told = actions.watch_alerts(["A", "B"], within_s=10)
    for watcher in running.watchers:
        watcher.stop()
    assert told == {"alerts": [{"alert": "A", "state": "inactive"}, {"alert": "B", "state": "inactive"}]}
    assert {(each["name"], each["by"]) for each in read_lines(tmp_path / "events.ndjson")} == {
        ("A", "prometheus"),
        ("B", "prometheus"),
    }
