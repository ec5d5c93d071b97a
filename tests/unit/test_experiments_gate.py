"""The gate: everything is recorded first, the judge says how it ended, and a case or a test that broke is no pass."""

import json
import subprocess
from contextlib import ExitStack
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from deploy import stack
from experiments import baseline, catalogue, dispatch, documents, environment, gate, undo

LOAD = cache(documents.load)  # of each gate the same


def _raise(error: Exception) -> None:
    raise error


@pytest.fixture
def run(tmp_path: Any, monkeypatch: Any) -> Any:
    """Runs the gate over cases that are recorded in no time; returns its exit code and what was begun."""
    begun: list[Any] = []
    kept = ExitStack()
    monkeypatch.setattr(stack, "up", lambda **_: SimpleNamespace(name="c"))
    monkeypatch.setattr(documents, "load", LOAD)
    monkeypatch.setattr(undo, "heal", lambda *_, **__: [])
    monkeypatch.setattr(environment, "write", lambda *_: None)
    monkeypatch.setattr(baseline, "kept", lambda *_: kept)

    def act(
        *,
        verdict: int = 0,
        codes: Any = None,
        tests: int = 0,
        recorded: bool = True,
        difference: str = "",
        starved: Any = None,
    ) -> Any:
        rounds: list[Any] = []
        sent: list[Any] = []

        if difference:
            kept.callback(_raise, baseline.NotAsBefore(difference))

        def record(jobs: Any, at_once: int, *_: Any) -> Any:
            begun.extend(jobs)
            assert at_once == (1 if sent else 2)
            sent.append(jobs)
            for job in jobs if recorded else ():
                job.folder.mkdir(exist_ok=True)
                (job.folder / "case.json").write_text("{}")
            return {} if rounds else codes or {}

        def pytest_and_judge(argv: Any, **_: Any) -> Any:
            if "reports" in argv:
                rounds.append(argv)
                (tmp_path / "results.json").write_text(json.dumps({"starved": starved or {}}))
                return SimpleNamespace(returncode=2)
            assert not (tmp_path / "results.json").exists(), "the half that was judged for the second round is left"
            begun.append(argv)
            figures = {"case": "mesh.mtls", "fault_s": 40.0, "wall_s": 60.0, "overhead_s": 20.0, "overhead_percent": 50}
            results = {"exit_code": verdict, "cases": [figures, figures | {"case": "cut.off", "wall_s": None}]}
            (tmp_path / "results.json").write_text(json.dumps(results))
            return SimpleNamespace(returncode=tests)

        monkeypatch.setattr(dispatch, "run", record)
        monkeypatch.setattr(subprocess, "run", pytest_and_judge)
        return gate.run(tmp_path, "auto", 2), begun

    return act


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({}, 0),
        ({"verdict": 1}, 1),
        ({"verdict": 2}, 2),
        ({"codes": {"mesh.mtls": 69}}, 2),
        ({"codes": {"tests-alerts": 1}}, 2),
        ({"tests": 1}, 2),
        ({"verdict": 1, "tests": 1}, 1),
        ({"recorded": False}, 69),
        ({"difference": "a taint is left"}, 2),
    ],
    ids=[
        "all is well",
        "broken",
        "not proven",
        "a case died",
        "a live test failed",
        "pytest disagrees",
        "worst",
        "nothing",
        "something is left",
    ],
)
def test_the_exit_code_is_the_judge_s_unless_something_broke_unseen(run: Any, told: Any, code: Any) -> None:
    assert run(**told)[0] == code


def test_every_case_is_expected_and_recorded_and_then_asked_by_pytest(run: Any, tmp_path: Any) -> None:
    _, (*jobs, last) = run()
    names = {job.task.name for job in jobs}
    expected = json.loads((tmp_path / "environment.json").read_text())["expected_cases"]
    assert names - set(expected) == {"tests-alerts", "tests-others"}
    assert len(expected) == sum(1 + len(catalogue.find(name).controls) for name in catalogue.names())
    (weakened,) = [job.arguments for job in jobs if job.task.name == "mesh.mtls~permissive"]
    assert weakened[2:4] == ["run", "mesh/mtls"]
    assert weakened[-3:] == ["--no-judge", "--control", "permissive"]
    assert "--recorded" in last
    assert str(tmp_path) in last


def test_where_the_time_went_is_printed(run: Any, capsys: Any) -> None:
    run()
    told = capsys.readouterr().out
    assert "mesh.mtls" in told
    assert "the cases one after the other 60 s, their faults alone 80 s" in told


def test_what_a_starved_machine_kept_from_being_proven_is_recorded_once_more_and_alone(run: Any) -> None:
    code, (*jobs, _) = run(starved={"mesh.mtls~permissive": "caller gateway was starved"})
    assert code == 0
    (again,) = [job for job in jobs if "--again" in job.arguments]
    assert again is jobs[-1]
    assert again.task.name == "mesh.mtls~permissive"
    assert again.arguments[-4:] == ["--control", "permissive", "--again", "caller gateway was starved"]


def test_a_second_record_that_worked_does_not_hide_that_a_case_died_in_the_first_round(run: Any) -> None:
    assert run(codes={"mesh.mtls": 69}, starved={"mesh.mtls~permissive": "a caller was starved"})[0] == 2
