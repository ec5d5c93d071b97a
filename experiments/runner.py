"""Runs one document as `chaos run` in a child process, records the case, and leaves nothing behind.

A child process, because Chaos Toolkit handles signals only in a main thread, chaostoolkit-kubernetes reads its
kubeconfig at import, and a crash must not take the judge with it. Its environment is made, not inherited: no proxies,
one kubeconfig, one context. Its exit code says nothing (research/style.md §5) and is not looked at.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from deploy.cluster import Cluster
from deploy.errors import Problem
from deploy.files import replace_text
from deploy.paths import ROOT
from experiments import catalogue, documents, guard, plain_yaml, undo, weaken
from experiments.catalogue import Experiment
from experiments.interrupts import Interrupts, interruptible
from experiments.ledger import Ledger
from experiments.record import CASE_DIR, CONTROL, Recorder, case_name, now

ROLLBACKS_S = 90.0
RUN_S_MAX = 1800.0
DOCUMENT = "experiment.json"  # in the case's folder
# What a child may know of us; everything else (proxies, KUBECONFIG, KUBERNETES_*) leads it astray.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "XDG_STATE_HOME", "XDG_CACHE_HOME")
PASSED_ON_PREFIXES = ("RESILIENCE_", "DOCKER_")


def environment(cluster: Cluster, case: Path) -> dict[str, str]:
    """Returns the child's environment: one cluster, one case, no proxies."""
    kept = {
        name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    }
    return kept | {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "KUBECONFIG": str(cluster.kubeconfig),
        "KUBERNETES_CONTEXT": cluster.context,
        "RESILIENCE_CLUSTER": cluster.name,
        CASE_DIR: str(case),
        guard.PINNED: guard.pin(cluster),
    }


def run(name: str, run_dir: Path, control: str | None = None, cluster: Cluster | None = None) -> Path:
    """Runs an experiment once, with a negative control if one is named, and returns the case's folder.

    Raises:
        Problem: it could not be run, or what it left behind could not be undone.
        KeyboardInterrupt: the user stopped it; everything is undone by then.
    """
    experiment = catalogue.find(name)
    data = plain_yaml.read(experiment.path)
    document = documents.check(data, experiment.name)
    if control is not None and control not in experiment.controls:
        raise Problem(
            f"{experiment.name} has no negative control {control!r}",
            fix=f"one of: {', '.join(experiment.controls) or 'none'}",
        )
    cluster = cluster or Cluster.connect()
    with interruptible() as interrupts, only_experiment(cluster.name, ROLLBACKS_S) as lock:
        undo.heal(cluster.name)
        guard.pin(cluster)
        guard.permit(cluster)
        recorder = Recorder(run_dir.resolve() / case_name(experiment.name, control))
        recorder.describe(
            case=recorder.folder.name,
            experiment=experiment.name,
            targets=list(experiment.targets_under(control)),
            control=control,
            description=document.description,
            started=now(),
        )
        replace_text(recorder.folder / DOCUMENT, json.dumps(data, indent=1), mode=0o600)
        try:
            try:
                with ExitStack() as stack:
                    if control:
                        stack.enter_context(weaken.weakened(cluster, experiment.control_file(control)))
                    _chaos(experiment, cluster, recorder.folder, control, lock, interrupts)
            finally:
                _left_behind(cluster, recorder)
        except KeyboardInterrupt:  # at whatever moment it came, in the middle of putting things back for instance
            interrupts.winding_up = True
            _left_behind(cluster, recorder)
            raise
        finally:
            recorder.describe(ended=now())
    return recorder.folder


def chaos_program() -> Path:
    """Returns the `chaos` of the environment that we run in, whatever PATH says."""
    return Path(sys.executable).with_name("chaos")


def _chaos(
    experiment: Experiment, cluster: Cluster, case: Path, control: str | None, lock: int, interrupts: Interrupts
) -> None:
    """Runs the child to its end; a signal to us is passed on and its rollbacks are waited for.

    It is given what was checked, not the file, which may have been changed meanwhile, or read otherwise by another
    reader. Its standard input is a leash: it ends when we are killed.
    """
    argv = [
        str(chaos_program()),
        "--no-version-check",
        "--no-log-file",
        "--settings",
        str(catalogue.SETTINGS),
        "run",
        "--journal-path",
        str(case / "journal.json"),
        str(case / DOCUMENT),
    ]
    with (
        (case / "chaos.log").open("ab") as log,
        subprocess.Popen(
            argv,
            cwd=case,
            env=environment(cluster, case) | {CONTROL: control or ""},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches it once, from us, not a second time from the terminal
            pass_fds=[lock],
        ) as child,
    ):
        try:
            child.wait(RUN_S_MAX)
        except subprocess.TimeoutExpired as error:
            _end(child, interrupts)
            raise Problem(f"{experiment.name} did not end within {RUN_S_MAX:g} s", fix=f"see {log.name}") from error
        except BaseException:
            _end(child, interrupts)
            raise


def _end(child: subprocess.Popen[bytes], interrupts: Interrupts) -> None:
    """Asks the child to stop, gives its rollbacks time, and kills it only then; a second Ctrl-C changes nothing."""
    interrupts.winding_up = True
    child.terminate()
    try:
        child.wait(ROLLBACKS_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(10)


def _left_behind(cluster: Cluster, recorder: Recorder) -> None:
    """Undoes what the child did not, and says so: a case that had to be healed from outside was not whole."""
    if Ledger.of(cluster.name).open():
        for line in undo.heal(cluster.name):
            recorder.note(f"healed after the experiment: {line}")
