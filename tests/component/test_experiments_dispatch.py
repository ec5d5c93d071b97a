"""Dispatch: processes side by side where they may, one that dies leaves the others alone, and Ctrl-C ends them all."""

import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from deploy import paths
from deploy.paths import ROOT
from deploy.progress import Progress
from deploy.waiting import eventually
from experiments import dispatch, running
from experiments.dispatch import Job
from experiments.radius import Radius, Thing
from experiments.schedule import Task

# Writes down when it ran, for a while that ends no sooner than the named others have begun; the last word is what it
# does at its end.
WORK = """
import pathlib, sys, time
begin, here, name = time.monotonic(), pathlib.Path(sys.argv[1]), sys.argv[2]
(here / f"{name}.begun").touch()
time.sleep(0.4)
while not all((here / f"{other}.begun").exists() for other in sys.argv[4:]):
    time.sleep(0.05)
    assert time.monotonic() - begin < 120, "nobody else begins"
(here / f"{name}.times").write_text(f"{begin} {time.monotonic()}")
exec(sys.argv[3])
"""

DISPATCH = """
import pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what pytest runs in may ignore it, and we inherit that
from deploy.progress import Progress
from experiments import dispatch, running
from experiments.dispatch import Job
from experiments.radius import Radius
from experiments.schedule import Task
here = pathlib.Path(sys.argv[1])
child = "import pathlib, signal, sys, time; here = pathlib.Path(sys.argv[1])\\n" \\
    "def stop(*_): time.sleep(0.3); (here / (sys.argv[2] + '.rolled-back')).touch(); sys.exit(0)\\n" \\
    "signal.signal(signal.SIGTERM, stop); (here / (sys.argv[2] + '.started')).touch(); time.sleep(60)"
free = Radius(disturbs=frozenset(), needs=frozenset())
jobs = [Job(Task(name, free, 1), ["-c", child, str(here), name], here / name) for name in ("a", "b")]
dispatch.run(jobs, 2, Progress(), lambda _: False)
"""


def job(folder: Any, name: str, disturbs: Any = (), last: str = "pass", beside: Any = ()) -> Job:
    task = Task(name, Radius(disturbs=frozenset(disturbs), needs=frozenset()), 1)
    return Job(task, ["-c", WORK, str(folder), name, last, *beside], folder / name)


def times(folder: Any, name: str) -> Any:
    begin, end = (float(word) for word in (folder / f"{name}.times").read_text().split())
    return begin, end


def run(jobs: Any, lives: Any = lambda _: False) -> Any:
    return dispatch.run(jobs, 2, Progress(), lives)


def test_two_run_side_by_side_and_two_that_disturb_each_other_do_not(tmp_path: Any) -> None:
    a, c = job(tmp_path, "a", [Thing.APP], beside="c"), job(tmp_path, "c", beside="a")
    assert run([a, job(tmp_path, "b", [Thing.APP]), c]) == {"a": 0, "b": 0, "c": 0}
    (one, other, third) = (times(tmp_path, name) for name in "abc")
    assert one[1] <= other[0] or other[1] <= one[0]
    assert max(one[0], third[0]) < min(one[1], third[1])


def test_one_that_dies_leaves_the_others_alone(tmp_path: Any, capsys: Any) -> None:
    killed = "import os, signal; print('so it ended', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    assert run([job(tmp_path, "dies", last=killed), job(tmp_path, "lives")]) == {"dies": -signal.SIGKILL, "lives": 0}
    assert (tmp_path / "dies.log").read_text() == "so it ended\n"


def test_one_that_outlived_its_runner_is_waited_for(tmp_path: Any) -> None:
    begin, seen = time.monotonic(), []

    def lives(name: str) -> bool:
        seen.append(name)
        return name == "a" and time.monotonic() - begin < 3

    run([job(tmp_path, "a", [Thing.APP]), job(tmp_path, "b", [Thing.APP])], lives)
    assert times(tmp_path, "b")[0] - begin >= 3
    assert set(seen) == {"a", "b"}


def test_a_job_that_is_no_case_is_counted_among_them_while_it_runs(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "state", lambda _: tmp_path / "state")
    waits = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.05)"
    task = Task("tests", Radius(disturbs=frozenset(), needs=frozenset()), 1)
    process = Job(task, ["-c", waits, str(tmp_path / "go")], tmp_path / "tests", counted_on="c").begin()
    assert [case.name for case in running.cases("c")] == ["tests"]
    assert running.this() == ""
    (tmp_path / "go").touch()
    process.wait(60)
    assert running.cases("c") == []


def test_what_a_case_is_at_is_read_from_its_own_log(tmp_path: Any) -> None:
    case = job(tmp_path, "mesh.mtls")
    assert case.doing() == "prepares"
    case.folder.mkdir()
    log = case.folder / "chaos.log"
    log.write_text("[2026-01-01 00:00:00 INFO] Validating the experiment's syntax\n")
    assert case.doing() == "begins"
    with log.open("a") as file:
        file.write("[…] Probe: tiers-are-whole\n[…] Action: call-from-outside\n[…] Steady state\n")
    assert case.doing() == "call-from-outside"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_case_and_their_rollbacks_are_waited_for(tmp_path: Any, number: Any) -> None:
    parent = subprocess.Popen([sys.executable, "-c", DISPATCH, tmp_path], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    started = [tmp_path / f"{name}.started" for name in "ab"]
    eventually(lambda: all(path.exists() for path in started), bool, within_s=120, what="both to start")
    parent.send_signal(number)
    _, errors = parent.communicate(timeout=120)
    assert all((tmp_path / f"{name}.rolled-back").exists() for name in "ab")
    assert "KeyboardInterrupt" in errors
