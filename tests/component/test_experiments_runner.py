"""The runner: a clean environment for the child, and rollbacks that are waited for when somebody presses Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from deploy import credentials, paths
from deploy.paths import ROOT
from deploy.waiting import eventually
from experiments import account, baseline, guard, plan, readmission, record, runner, undo, weaken
from experiments.ledger import Ledger
from experiments.patches import essence
from tests.unit.canaries import CANARIES

CHILD = """#!{python}
import pathlib, signal, sys, time
def stop(*_):
    pathlib.Path("told").touch()
    while not pathlib.Path("go-on").exists():
        time.sleep(0.05)
    pathlib.Path("rolled-back").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, lambda *_: pathlib.Path("interrupted-by-the-terminal").touch())
sys.path.insert(0, {root!r})
from experiments import leash
leash.obey()  # as the control `recording` does
pathlib.Path("started").touch()
while True:
    time.sleep(0.1)
"""

PARENT = """
import pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what pytest runs in may ignore it, and we inherit that
from types import SimpleNamespace
from experiments import runner
from experiments.interrupts import interruptible
from experiments.record import Recorder
here = pathlib.Path(sys.argv[1])
runner.chaos_program = lambda: here / "chaos"
runner.environment = lambda cluster, case: {}
experiment = SimpleNamespace(name="mesh/ejection", path=here / "document.yaml")
lock = (here / "lock").open("w")
with interruptible() as interrupts:
    runner._chaos(experiment, None, runner.Run(Recorder(here), None, lock.fileno(), interrupts))
"""


@pytest.fixture
def parent(tmp_path: Any) -> Any:
    """A runner in a process of its own whose child has started."""
    program = tmp_path / "chaos"
    program.write_text(textwrap.dedent(CHILD.format(python=sys.executable, root=str(ROOT))))
    program.chmod(0o755)
    argv = [sys.executable, "-c", PARENT, tmp_path]
    with subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        eventually((tmp_path / "started").exists, bool, within_s=120, what="the child to start")
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_child_once_and_its_rollbacks_are_waited_for(
    parent: Any, tmp_path: Any, number: Any
) -> None:
    parent.send_signal(number)
    eventually((tmp_path / "told").exists, bool, within_s=120, what="the child to be told")
    parent.send_signal(signal.SIGINT)  # an impatient user must not cut the rollbacks short
    with pytest.raises(subprocess.TimeoutExpired):
        parent.wait(0.5)
    (tmp_path / "go-on").touch()
    _, errors = parent.communicate(timeout=120)
    assert (tmp_path / "rolled-back").exists()
    assert not (tmp_path / "interrupted-by-the-terminal").exists()
    assert parent.returncode != 0
    assert "KeyboardInterrupt" in errors


def test_a_child_whose_runner_was_killed_stops_and_plays_its_rollbacks(parent: Any, tmp_path: Any) -> None:
    (tmp_path / "go-on").touch()
    parent.kill()
    eventually((tmp_path / "rolled-back").exists, bool, within_s=120, what="the child to stop by itself")
    assert not (tmp_path / "interrupted-by-the-terminal").exists()


def test_the_child_sees_one_cluster_and_no_proxies(monkeypatch: Any, tmp_path: Any) -> None:
    for name in ("HTTPS_PROXY", "http_proxy", "KUBERNETES_VERIFY_SSL", "CHAOSTOOLKIT_IN_POD", "SECRET_TOKEN"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config:/elsewhere")
    monkeypatch.setenv(guard.PINNED, "address|uid")
    monkeypatch.setenv("RESILIENCE_SEED", "7")
    cluster: Any = SimpleNamespace(name="c", kubeconfig=tmp_path / "kubeconfig", context="kind-c")
    seen = runner.environment(cluster, tmp_path)
    assert (
        not {"HTTPS_PROXY", "http_proxy", "KUBERNETES_VERIFY_SSL", "CHAOSTOOLKIT_IN_POD", "SECRET_TOKEN"} & seen.keys()
    )
    assert seen["KUBECONFIG"] == str(tmp_path / "kubeconfig")
    assert (seen["KUBERNETES_CONTEXT"], seen["RESILIENCE_SEED"], seen[guard.PINNED]) == ("kind-c", "7", "address|uid")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> list[str]:
    """Stands everything of a run but the child in for by something that tells when it happens."""
    happened: list[str] = []

    def around(name: str) -> Any:
        @contextmanager
        def block(*_: Any) -> Iterator[None]:
            happened.append(f"{name} before")
            try:
                yield
            finally:
                happened.append(f"{name} after")

        return block

    def heal(_: str, **_how: Any) -> list[str]:
        happened.append("heal")
        return ["callers: 1 caller(s) ended"]

    monkeypatch.setattr(paths, "state", lambda _: tmp_path / "state")
    monkeypatch.setattr(credentials, "known", lambda _: [CANARIES[0]])
    monkeypatch.setenv(account.OWN_RIGHTS, "1")
    monkeypatch.setattr(runner, "chaos_program", lambda: tmp_path / "chaos")
    monkeypatch.setattr(runner, "environment", lambda *_: {"PATH": os.environ["PATH"]})
    monkeypatch.setattr(runner, "collected", around("collected"))
    for module, name, stand_in in (
        (guard, "pin", lambda _: ""),
        (guard, "permit", lambda _: None),
        (undo, "heal", heal),
        (undo, "heal_own", heal),
        (Ledger, "own", lambda ledger: ledger.open()),
        (runner, "write_environment", lambda *_: happened.append("environment")),
        (baseline, "kept", around("baseline")),
        (weaken, "weakened", around("weakened")),
        (plan, "recorded", lambda *_: False),
        (readmission, "settle", lambda *_: None),
    ):
        monkeypatch.setattr(module, name, stand_in)
    return happened


def run_with(program: str, tmp_path: Any) -> Any:
    (tmp_path / "chaos").write_text(f"#!/bin/sh\n{program}\n")
    (tmp_path / "chaos").chmod(0o755)
    cluster: Any = SimpleNamespace(name="told", kubeconfig=tmp_path, context="c")
    return runner.run("mesh/ejection", tmp_path / "run", "no-outlier-detection", cluster)


def test_a_killed_child_is_healed_collected_about_compared_and_its_log_cleaned(tmp_path: Any, told: list[str]) -> None:
    Ledger.of("told").intend("callers", {"undo": "stop-callers", "zones": []})
    folder = run_with(f"echo password is {CANARIES[0]}; kill -9 $$", tmp_path)
    around = ["baseline", "weakened", "collected"]
    assert told == [
        "heal",
        "environment",
        *(f"{name} before" for name in around),
        "heal",
        *(f"{name} after" for name in reversed(around)),
    ]
    assert (folder / "chaos.log").read_text() == "password is [secret]\n"
    assert (folder / "chaos.log").stat().st_mode & 0o777 == 0o600
    notes = [event["text"] for event in record.read_lines(folder / "events.ndjson")]
    assert notes == [
        "Chaos Toolkit was ended by signal 9: what is recorded ends there",
        "healed after the experiment: callers: 1 caller(s) ended",
    ]
    assert {"mono", "wall"} <= json.loads((folder / "case.json").read_text())["ended"].keys()


def test_what_a_negative_control_still_needs_is_not_healed_by_a_child_that_left_nothing(
    tmp_path: Any, told: list[str]
) -> None:
    Ledger.of("told").intend("negative control x", {"undo": "restore-object", "manifest": {}})
    run_with("exit 0", tmp_path)
    assert told.count("heal") == 1


def test_the_essence_of_an_object_is_what_its_owner_meant() -> None:
    metadata = {"name": "app", "namespace": "shop", "labels": {"app": "app"}}
    revision = {"annotations": {"deployment.kubernetes.io/revision": "3"}}
    live = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata | revision | {"uid": "1", "resourceVersion": "9", "generation": 2, "managedFields": []},
        "spec": {"replicas": 9},
        "status": {"readyReplicas": 9},
    }
    assert essence(live) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": 9},
    }
