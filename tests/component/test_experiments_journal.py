"""The journal is there after each step: what a killed Chaos Toolkit has played is known, and can be judged."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.paths import ROOT
from experiments.journal import Journal
from experiments.record import Recorder
from reports.judge import judge_case
from reports.model import Outcome
from reports.reader import read_case
from reports.targets import load_targets

PROGRAM = """
import json, sys
from types import SimpleNamespace
from chaoslib.experiment import run_experiment
from experiments.controls import recording
recording.Cluster = SimpleNamespace(connect=lambda: SimpleNamespace(name="none"))
recording.account.keep_changes = lambda *_: None
recording.session.begin = lambda running: running
run_experiment(json.loads(sys.argv[1]))
"""


def step(kind: str, name: str, func: str, **more: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": "tests.component.steps", "func": func, "arguments": {}}
    return {"name": name, "type": kind, "provider": provider, **more}


def play(folder: Path, method: list[str]) -> int:
    document = {
        "title": "t",
        "description": "d",
        "runtime": {"hypothesis": {"strategy": "default"}, "rollbacks": {"strategy": "always"}},
        "configuration": {"experiment": "mesh/ejection"},
        "controls": [{"name": "r", "provider": {"type": "python", "module": "experiments.controls.recording"}}],
        "steady-state-hypothesis": {"title": "h", "probes": [step("probe", "holds", "holds", tolerance=True)]},
        "method": [step("action", f"{number}-{func}", func) for number, func in enumerate(method)],
        "rollbacks": [step("action", "undo", "fine")],
    }
    state = {"RESILIENCE_CASE_DIR": str(folder), "XDG_STATE_HOME": str(folder.parent / "state"), "PATH": "/usr/bin"}
    argv = [sys.executable, "-c", PROGRAM, json.dumps(document)]
    done = subprocess.run(argv, cwd=ROOT, env=state, check=False, capture_output=True, text=True)
    if done.returncode > 0:
        pytest.fail(done.stderr)
    return done.returncode


def test_what_was_played_before_a_kill_is_in_the_journal_and_is_judged(tmp_path: Path) -> None:
    assert play(tmp_path / "mesh.ejection", ["fine", "fine", "die", "fine"]) == -9
    record = read_case(tmp_path / "mesh.ejection")
    assert record.defects == () or {defect.file for defect in record.defects} == {"events.ndjson"}
    journal = record.journal
    assert journal is not None
    assert journal.steady_states.before is not None
    assert journal.steady_states.before.steady_state_met is True
    assert [activity.name for activity in journal.run] == ["0-fine", "1-fine"]
    assert len(journal.experiment.method) == 4
    (verdict,) = judge_case(record, load_targets())
    assert verdict.outcome is Outcome.ERROR
    reasons = [verdict.reason, *verdict.extra.get("also", [])]
    assert any("the method stopped after 2 of 4 activities" in reason for reason in reasons)


def test_a_run_that_came_to_its_end_leaves_chaos_toolkits_own_journal(tmp_path: Path) -> None:
    assert play(tmp_path / "mesh.ejection", ["fine"]) == 0
    text = (tmp_path / "mesh.ejection" / "journal.json").read_text()
    assert json.loads(text)["status"] == "completed"
    assert (tmp_path / "mesh.ejection" / "journal.json").stat().st_mode & 0o777 == 0o600
    journal = read_case(tmp_path / "mesh.ejection").journal
    assert journal is not None
    assert (len(journal.run), len(journal.rollbacks)) == (1, 1)
    assert journal.steady_states.after is not None


def test_a_second_look_at_the_steady_state_is_the_one_after(tmp_path: Path) -> None:
    journal = Journal(Recorder(tmp_path / "case"), {})
    journal.steady_state({"steady_state_met": True})
    journal.phase(None)
    journal.activity({"activity": {"name": "a probe of the steady state"}})
    journal.steady_state({"steady_state_met": False})
    looks = json.loads((tmp_path / "case" / "journal.json").read_text())
    assert looks["steady_states"]["before"] == {"steady_state_met": True}
    assert looks["steady_states"]["after"] == {"steady_state_met": False}
    assert looks["run"] == looks["rollbacks"] == []
