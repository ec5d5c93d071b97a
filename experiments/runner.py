"""Runs one document as `chaos run` in a child process, records the case, and leaves nothing behind.

A child process, because Chaos Toolkit handles signals only in a main thread, chaostoolkit-kubernetes reads its
kubeconfig at import, and a crash must not take the judge with it. Its environment is made, not inherited: no proxies,
one context, and the kubeconfig of the account that its document names instead of ours. Its exit code says nothing
(research/style.md §5) and is not looked at.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from deploy.cluster import Cluster
from deploy.errors import Problem
from deploy.paths import ROOT
from experiments import account, cases, catalogue, documents, guard, leash, plan, running, undo, weaken
from experiments.catalogue import Experiment
from experiments.documents import Document
from experiments.record import CASE_DIR, CONTROL, Recorder, case_name, now

ROLLBACKS_S = 90.0
RUN_S_MAX = 1800.0
# What a child may know of us; everything else (proxies, KUBECONFIG, KUBERNETES_*) leads it astray.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "XDG_STATE_HOME", "XDG_CACHE_HOME")
PASSED_ON_PREFIXES = ("RESILIENCE_", "DOCKER_")


def environment(cluster: Cluster, case: Path) -> dict[str, str]:
    """Returns the child's environment: one cluster, as the child may use it, one case, no proxies."""
    kept = {
        name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    }
    return kept | {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "KUBECONFIG": str(cluster.kubeconfig),
        "KUBERNETES_CONTEXT": cluster.context,
        "RESILIENCE_CLUSTER": cluster.name,
        "RESILIENCE_KUBECONFIG": str(cluster.kubeconfig),
        "RESILIENCE_CONTEXT": cluster.context,
        CASE_DIR: str(case),
        guard.PINNED: guard.pin(cluster),
    }


def run(name: str, run_dir: Path, control: str | None = None, cluster: Cluster | None = None) -> Path:
    """Runs an experiment once, with a negative control if one is named, and returns the case's folder.

    What the settings allow is asked and recorded first. Nothing is injected where every target is out of reach; with a
    negative control it always is, because its protection is taken away on purpose, and after that question.

    Raises:
        Problem: it could not be run, or what it left behind could not be undone.
        KeyboardInterrupt: the user stopped it; everything is undone by then.
    """
    experiment = catalogue.find(name)
    document = documents.load(experiment.path, experiment.name)
    if control is not None and control not in experiment.controls:
        raise Problem(
            f"{experiment.name} has no negative control {control!r}",
            fix=f"one of: {', '.join(experiment.controls) or 'none'}",
        )
    cluster = cluster or Cluster.connect()
    undo.heal(cluster.name, abandoned=True)
    guard.pin(cluster)
    guard.permit(cluster)
    with running.begun(cluster.name, case_name(experiment.name, control), cases.radius(experiment, control)) as lock:
        return _record(experiment, document, run_dir, control, cluster, lock)


def _record(
    experiment: Experiment, document: Document, run_dir: Path, control: str | None, cluster: Cluster, lock: int
) -> Path:
    recorder = Recorder(run_dir.resolve() / case_name(experiment.name, control))
    recorder.describe(
        case=recorder.folder.name,
        experiment=experiment.name,
        targets=list(experiment.targets_under(control)),
        control=control,
        description=document.description,
        started=now(),
    )
    try:
        if plan.recorded(experiment, document, control, cluster, recorder):
            return recorder.folder
        with ExitStack() as stack:
            case = recorder.folder.name
            if control:
                weakening = stack.enter_context(account.acting_as(cluster, account.WEAKEN, case))
                stack.enter_context(weaken.weakened(weakening, experiment.control_file(control), recorder))
            acting = stack.enter_context(account.acting_as(cluster, document.configuration.account, case))
            _chaos(experiment, acting, recorder.folder, control, lock)
    finally:
        _left_behind(cluster, recorder)
        recorder.describe(ended=now())
    return recorder.folder


def chaos_program() -> Path:
    """Returns the `chaos` of the environment that we run in, whatever PATH says."""
    return Path(sys.executable).with_name("chaos")


def _chaos(experiment: Experiment, cluster: Cluster, case: Path, control: str | None, lock: int) -> None:
    """Runs the child to its end; a signal to us is passed on and its rollbacks are waited for.

    The child holds on to the lock that says that the case runs: it may outlive us.
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
        str(experiment.path),
    ]
    with (case / "chaos.log").open("ab") as log:
        child = subprocess.Popen(
            argv,
            cwd=case,
            env=environment(cluster, case) | {CONTROL: control or "", leash.LEASHED: "1"},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[lock],
            start_new_session=True,  # Ctrl-C reaches it once, from us, not a second time from the terminal
        )
        with interruptible():
            try:
                child.wait(RUN_S_MAX)
            except subprocess.TimeoutExpired as error:
                end([child], ROLLBACKS_S)
                raise Problem(f"{experiment.name} did not end within {RUN_S_MAX:g} s", fix=f"see {log.name}") from error
            except BaseException:
                end([child], ROLLBACKS_S)
                raise


@contextmanager
def interruptible() -> Iterator[None]:
    """Makes SIGTERM behave like Ctrl-C for the time of the block, where we own the main thread."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: signals are somebody else's business
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def end(children: Sequence[subprocess.Popen[bytes]], within_s: float) -> None:
    """Asks processes to stop, gives them time, and kills them only then; a second Ctrl-C changes nothing."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if _in_main_thread() else None
    last = time.monotonic() + within_s
    try:
        for child in children:
            child.send_signal(signal.SIGTERM)
        for child in children:
            try:
                child.wait(max(0.0, last - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(10)
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _in_main_thread() -> bool:
    import threading

    return threading.current_thread() is threading.main_thread()


def _left_behind(cluster: Cluster, recorder: Recorder) -> None:
    """Undoes what the child did not, and says so: a case that had to be healed from outside was not whole."""
    for line in undo.heal_own(cluster.name):
        recorder.note(f"healed after the experiment: {line}")
