"""Running cases: two that disturb each other never run together, and one counts until its last process is gone."""

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from deploy.errors import Problem
from deploy.paths import ROOT
from deploy.waiting import eventually
from experiments import running
from experiments.radius import Radius, Thing

BREAKS = Radius(disturbs=frozenset({Thing.APP}), needs=frozenset())
NEEDS = Radius(disturbs=frozenset(), needs=frozenset({Thing.APP}))
LOOKS = Radius(disturbs=frozenset(), needs=frozenset({Thing.TRACING}))

# A runner and its child that hold the same lock; each waits for its standard input to end.
RUNNER = """
import subprocess, sys
from experiments import running
from experiments.radius import Radius, Thing
with running.begun("c", "mesh.ejection", Radius(disturbs=frozenset({Thing.APP}), needs=frozenset())) as lock:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], pass_fds=[lock])
    print(child.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv(running.RUN, raising=False)


def test_a_case_runs_for_the_time_of_the_block_and_its_processes_know_it() -> None:
    assert running.this() == ""
    with running.begun("c", "mesh.ejection", BREAKS):
        (case,) = running.cases("c")
        assert (case.name, case.radius, case.run) == ("mesh.ejection", BREAKS, running.this())
        assert running.lives("c", running.this())
        assert running.cases("another") == []
    assert (running.cases("c"), running.this()) == ([], "")


def test_two_that_do_not_disturb_each_other_run_side_by_side() -> None:
    with running.begun("c", "mesh.ejection", BREAKS), running.begun("c", "tracing.sampling", LOOKS):
        assert {case.name for case in running.cases("c")} == {"mesh.ejection", "tracing.sampling"}


@pytest.mark.parametrize(("first", "second"), [(BREAKS, NEEDS), (NEEDS, BREAKS), (BREAKS, BREAKS)])
def test_a_case_that_would_disturb_one_that_runs_is_refused(first: Any, second: Any) -> None:
    with (
        running.begun("c", "mesh.ejection", first),
        pytest.raises(Problem, match=r"mesh\.mtls cannot run now: mesh\.ejection runs"),
        running.begun("c", "mesh.mtls", second),
    ):
        pass
    with running.begun("c", "mesh.mtls", second):
        pass


def test_a_case_whose_runner_was_killed_runs_until_its_child_is_gone_too() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER], env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert runner.stdin
    assert runner.stdout
    child = int(runner.stdout.readline())
    (case,) = running.cases("c")
    runner.send_signal(signal.SIGKILL)
    runner.wait(60)
    assert running.lives("c", case.run)
    with pytest.raises(Problem, match="cannot run now"), running.begun("c", "mesh.mtls", NEEDS):
        pass
    os.kill(child, signal.SIGKILL)
    eventually(lambda: running.lives("c", case.run), lambda lives: not lives, within_s=60, what="the lock to be free")
    with running.begun("c", "mesh.mtls", NEEDS):
        assert [found.name for found in running.cases("c")] == ["mesh.mtls"]


@pytest.mark.parametrize("run", ["", "0123456789abcdef", "../../etc/passwd"])
def test_a_run_that_nobody_knows_does_not_live(run: Any) -> None:
    assert not running.lives("c", run)
