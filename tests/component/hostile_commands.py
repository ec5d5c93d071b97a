"""Runs the suite's commands in hostile surroundings: python -m tests.component.hostile_commands FOLDER <jobs >results.

Everything is imported once and each job is a fork that calls the command's own main(): what takes a second is starting
Python and its Kubernetes client, not what is tested. A job is {name, env} with {argv}, {control: file} or
{action: [module, function, arguments]}; with "unguarded" it has no guard, to show what that keeps from happening.
With "patient" it waits longer for an answer, so that a busy machine makes no silence of one.
"""

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kubernetes.client import AppsV1Api, AuthorizationV1Api, CoreV1Api, PolicyV1Api  # noqa: F401 - see above
from kubernetes.dynamic import DynamicClient  # noqa: F401

from deploy import cluster
from deploy.cluster import Cluster
from deploy.errors import Problem
from experiments import __main__ as command
from experiments import catalogue, documents, environment, gate, guard, runner, session, undo, weaken  # noqa: F401
from experiments.actions import destruction
from experiments.drivers.database import Database
from experiments.ledger import Ledger
from experiments.record import Recorder
from experiments.traffic import Traffic

HANGS_S = 300
PATIENCE_S = 120.0
AT_ONCE = 8


def unguarded() -> None:
    """Takes every check of the guard away in this process."""

    def anyone(*_: object) -> None: ...

    for owner, name in (
        (guard, "permit"),
        (guard, "unchanged"),
        (undo, "require_rights"),
        (undo.Target, "_require_same"),
    ):
        setattr(owner, name, anyone)


def act(module: str, function: str, arguments: dict[str, Any]) -> int:
    """Calls an action as Chaos Toolkit would, in a session whose watchers have begun and whose guard was passed."""
    cluster = Cluster.connect()
    guard.pin(cluster)
    recorder = Recorder(Path(os.environ["HOME"]) / f"{module}.{function}")
    traffic = Traffic(cluster, recorder, None, Ledger.of(cluster.name))
    running = session.Session(cluster, recorder, {"shop": ["app"], "data": ["app"]}, traffic)
    session._running.append(running)
    anything: Any = SimpleNamespace(name="anything")
    destruction._lost.append(
        destruction.Loss(Database(cluster, "data", "app"), "1", anything, anything, anything, anything)
    )
    destruction._lost[0].destroyed, destruction._lost[0].bytes_back = 1.0, True
    for watcher in running.ready.values():
        running.add(watcher)
    try:
        getattr(sys.modules.get(module) or __import__(module, fromlist="x"), function)(**arguments)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def take_away(control: str) -> int:
    """Takes a protection away for no time at all."""
    try:
        cluster = Cluster.connect()
        with weaken.weakened(cluster, Path(control), Recorder(Path(os.environ["HOME"]) / "weaken")):
            return 0
    except Problem as problem:
        print(problem, file=sys.stderr)
        return command.MISSING


def starved_s() -> float:
    """Returns how long this process was ready to run and got no processor."""
    return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9


def run(job: dict[str, Any], out: Path) -> int:
    """Does one job in this process; returns its exit code."""
    with out.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    signal.alarm(HANGS_S)
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"it still ran after {HANGS_S} s"))
    os.environ.clear()
    os.environ.update(job["env"])
    if job.get("unguarded"):
        unguarded()
    if job.get("patient"):
        cluster.IDENTITY_S = PATIENCE_S
    try:
        if "action" in job:
            return act(*job["action"])
        return take_away(job["control"]) if "control" in job else command.main(job["argv"])
    except BaseException:  # noqa: BLE001 - a traceback is a finding
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def main() -> None:
    """Does all jobs, some side by side."""
    jobs, folder = json.load(sys.stdin), Path(sys.argv[1])
    begun: dict[int, tuple[str, int]] = {}
    results: dict[str, Any] = {}

    def reap() -> None:
        pid, status = os.wait()
        name, number = begun.pop(pid)
        said, took = ((folder / f"{number}.{what}").read_text() for what in ("out", "took_s"))
        results[name] = {"code": os.waitstatus_to_exitcode(status), "took_s": float(took), "said": said}

    for number, job in enumerate(jobs):
        while len(begun) >= AT_ONCE:
            reap()
        began = time.monotonic()
        pid = os.fork()
        if not pid:
            os.setsid()
            code = run(job, folder / f"{number}.out")
            (folder / f"{number}.took_s").write_text(str(time.monotonic() - began - starved_s()))
            os._exit(code)
        begun[pid] = (job["name"], number)
    while begun:
        reap()
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
