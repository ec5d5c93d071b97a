"""The runner: a clean environment for the child, and rollbacks that are waited for when somebody presses Ctrl-C."""

import signal
import subprocess
import sys
import textwrap
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.paths import ROOT
from deploy.waiting import eventually
from experiments import guard, runner
from experiments.undo import essence

CHILD = """#!{python}
import pathlib, signal, sys, time
def stop(*_):
    pathlib.Path("told").touch()
    time.sleep(0.5)
    pathlib.Path("rolled-back").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, lambda *_: pathlib.Path("interrupted-by-the-terminal").touch())
pathlib.Path("started").touch()
while True:
    time.sleep(0.1)
"""

PARENT = """
import os, pathlib, sys
from types import SimpleNamespace
from experiments import runner
from experiments.interrupts import interruptible
here = pathlib.Path(sys.argv[1])
runner.chaos_program = lambda: here / "chaos"
runner.environment = lambda cluster, case: {}
experiment = SimpleNamespace(name="mesh/ejection", path=here / "document.yaml")
with interruptible() as interrupts:
    runner._chaos(experiment, None, here, None, os.open(here, os.O_RDONLY), interrupts)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_child_once_and_its_rollbacks_are_waited_for(tmp_path: Any, number: Any) -> None:
    program = tmp_path / "chaos"
    program.write_text(textwrap.dedent(CHILD.format(python=sys.executable)))
    program.chmod(0o755)
    parent = subprocess.Popen([sys.executable, "-c", PARENT, tmp_path], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    eventually((tmp_path / "started").exists, bool, within_s=20, what="the child to start")
    parent.send_signal(number)
    eventually((tmp_path / "told").exists, bool, within_s=20, what="the child to be told")
    parent.send_signal(signal.SIGINT)  # an impatient user must not cut the rollbacks short
    _, errors = parent.communicate(timeout=30)
    assert (tmp_path / "rolled-back").exists()
    assert not (tmp_path / "interrupted-by-the-terminal").exists()
    assert parent.returncode != 0
    assert "KeyboardInterrupt" in errors


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
