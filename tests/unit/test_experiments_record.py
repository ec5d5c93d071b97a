"""The recorder: append-only, private, and whole but for its last line, whatever happens."""

import json
import threading
from typing import Any

import pytest

from deploy.errors import Problem
from experiments.record import CASE_DIR, Recorder, case_name, read_lines


def events(folder: Any) -> Any:
    return read_lines(folder / "events.ndjson")


def test_an_event_carries_both_clocks_and_is_private(tmp_path: Any) -> None:
    Recorder(tmp_path).event("note", text="hello")
    (event,) = events(tmp_path)
    assert event["kind"] == "note"
    assert event["text"] == "hello"
    assert event["t"] > 0
    assert event["wall"] > 1.5e9
    assert (tmp_path / "events.ndjson").stat().st_mode & 0o777 == 0o600


def test_events_of_several_threads_do_not_mix(tmp_path: Any) -> None:
    recorder = Recorder(tmp_path)
    threads = [
        threading.Thread(target=lambda: [recorder.event("note", text="x" * 500) for _ in range(25)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(events(tmp_path)) == 200


def test_after_a_torn_line_the_next_event_is_whole(tmp_path: Any) -> None:
    recorder = Recorder(tmp_path)
    recorder.event("note", text="first")
    path = tmp_path / "events.ndjson"
    path.write_bytes(path.read_bytes() + b'{"t":1,"kind":"fault.sta')
    Recorder(tmp_path).event("note", text="after the crash")
    assert [event["text"] for event in events(tmp_path)] == ["first", "after the crash"]


def test_a_case_is_described_in_steps(tmp_path: Any) -> None:
    recorder = Recorder(tmp_path)
    recorder.describe(case="mesh.ejection", started={"mono": 1})
    recorder.describe(ended={"mono": 2})
    assert json.loads((tmp_path / "case.json").read_text()) == {
        "case": "mesh.ejection",
        "started": {"mono": 1},
        "ended": {"mono": 2},
    }


def test_outside_an_experiment_nothing_can_be_recorded(monkeypatch: Any) -> None:
    monkeypatch.delenv(CASE_DIR, raising=False)
    with pytest.raises(Problem, match="nothing is being recorded"):
        Recorder.current()


def test_a_case_is_named_after_its_experiment_and_control() -> None:
    assert case_name("mesh/ejection") == "mesh.ejection"
    assert case_name("mesh/ejection", "no-outlier-detection") == "mesh.ejection~no-outlier-detection"
