"""Runs one document as `chaos run` in a child process, records the case, and leaves nothing behind.

A child process, because Chaos Toolkit handles signals only in a main thread, chaostoolkit-kubernetes reads its
kubeconfig at import, and a crash must not take the judge with it. Its environment is made, not inherited: no proxies,
one context, and the kubeconfig of the account that its document names instead of ours. Its exit code says nothing
(research/style.md §5) and is not looked at.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.cluster import Cluster
from deploy.errors import Problem
from deploy.files import replace_text
from deploy.paths import ROOT
from experiments import (
    account,
    baseline,
    cases,
    catalogue,
    documents,
    guard,
    leash,
    plain_yaml,
    plan,
    readmission,
    running,
    undo,
    weaken,
)
from experiments.catalogue import Experiment
from experiments.collect import collected
from experiments.collect.scene import Scene
from experiments.documents import Document
from experiments.environment import write as write_environment
from experiments.interrupts import Interrupts, interruptible
from experiments.ledger import Ledger
from experiments.record import CASE_DIR, CLUSTER, CONTROL, EARLIER, Recorder, case_name, now, set_aside

ROLLBACKS_S = 90.0
RUN_S_MAX = 1800.0
DOCUMENT = "experiment.json"  # in the case's folder
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
        CLUSTER: cluster.name,
        "RESILIENCE_KUBECONFIG": str(cluster.kubeconfig),
        "RESILIENCE_CONTEXT": cluster.context,
        CASE_DIR: str(case),
        guard.PINNED: guard.pin(cluster),
    }


def run(
    name: str, run_dir: Path, control: str | None = None, cluster: Cluster | None = None, *, again: str = ""
) -> Path:
    """Runs an experiment once, with a negative control if one is named, and returns the case's folder.

    If the run has the case already, that record is kept inside the new one's folder; `again` says there why.

    What the settings allow is asked and recorded first. Nothing is injected where every target is out of reach; with a
    negative control it always is, because its protection is taken away on purpose, and after that question.

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
    case = case_name(experiment.name, control)
    with interruptible() as interrupts:
        undo.heal(cluster.name, abandoned=True)
        guard.pin(cluster)
        guard.permit(cluster)
        write_environment(run_dir.resolve(), cluster)
        with running.begun(cluster.name, case, cases.radius(experiment, control)) as lock:
            recorder = Recorder(set_aside(run_dir.resolve() / case), cluster.name)
            replace_text(recorder.folder / DOCUMENT, json.dumps(data, indent=1), mode=0o600)
            try:
                _record(experiment, document, cluster, Run(recorder, control, lock, interrupts, again))
            except KeyboardInterrupt:  # whenever it came, in the middle of putting things back for instance
                interrupts.winding_up = True
                undo.heal_own(cluster.name)
                raise
    return recorder.folder


@dataclass(frozen=True)
class Run:
    """What surrounds one run of Chaos Toolkit.

    Attributes:
        recorder: of the case.
        control: the negative control that it runs under.
        lock: descriptor that says that the case runs.
        interrupts: of this process.
        again: why it is recorded once more, "" for the first time.
    """

    recorder: Recorder
    control: str | None
    lock: int
    interrupts: Interrupts
    again: str = ""


def _record(experiment: Experiment, document: Document, cluster: Cluster, run: Run) -> None:
    recorder, control = run.recorder, run.control
    recorder.describe(
        case=recorder.folder.name,
        experiment=experiment.name,
        targets=list(experiment.targets_under(control)),
        control=control,
        description=document.description,
        started=now(),
    )
    with ExitStack() as stack:  # left from the innermost to the outermost, whatever happens in it
        case = recorder.folder.name
        stack.callback(recorder.close)
        if run.again:
            recorder.note(f"recorded again, once: {run.again}; the attempt before is kept in {case}/{EARLIER}")
        if plan.recorded(experiment, document, control, cluster, recorder):
            return
        stack.enter_context(readmission.settled(cluster, cases.radius(experiment, control), recorder))
        stack.enter_context(baseline.kept(cluster, recorder))
        look: Callable[[], None] | None = None
        if control:
            weakening = stack.enter_context(account.acting_as(cluster, account.WEAKEN, case))
            look = stack.enter_context(weaken.weakened(weakening, experiment.control_file(control), recorder))
        stack.enter_context(collected(_scene(document, cluster, recorder)))
        stack.enter_context(_healed(cluster, recorder))
        acting = stack.enter_context(account.acting_as(cluster, document.configuration.account, case))
        _chaos(experiment, acting, run)
        if look:
            look()


def chaos_program() -> Path:
    """Returns the `chaos` of the environment that we run in, whatever PATH says."""
    return Path(sys.executable).with_name("chaos")


def _chaos(experiment: Experiment, cluster: Cluster, run: Run) -> None:
    """Runs the child to its end; a signal to us is passed on and its rollbacks are waited for.

    The child is given what was checked, not the file, which may have been changed meanwhile, or be read otherwise by
    another reader. It holds on to the lock that says that the case runs: it may outlive us.
    """
    case = run.recorder.folder
    argv = [
        str(chaos_program()),
        "--no-version-check",
        "--no-log-file",
        "--settings",
        str(catalogue.SETTINGS),
        "run",
        "--journal-path",
        os.devnull,  # the recording control writes it, step by step and without secrets
        str(case / DOCUMENT),
    ]
    with open(case / "chaos.log", "ab", opener=_private) as log:  # Path.open takes no opener
        child = subprocess.Popen(
            argv,
            cwd=case,
            env=environment(cluster, case) | {CONTROL: run.control or "", leash.LEASHED: "1"},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[run.lock],
            start_new_session=True,  # Ctrl-C reaches it once, from us, not a second time from the terminal
        )
        try:
            child.wait(RUN_S_MAX)
        except subprocess.TimeoutExpired as error:
            end([child], ROLLBACKS_S)
            raise Problem(f"{experiment.name} did not end within {RUN_S_MAX:g} s", fix=f"see {log.name}") from error
        except BaseException:
            run.interrupts.winding_up = True
            end([child], ROLLBACKS_S)
            raise
    if child.returncode < 0:
        run.recorder.note(f"Chaos Toolkit was ended by signal {-child.returncode}: what is recorded ends there")


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


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


@contextmanager
def _healed(cluster: Cluster, recorder: Recorder) -> Iterator[None]:
    """Undoes what the child did not, and says so: a case that had to be healed from outside was not whole."""
    try:
        yield
    finally:
        if any(not entry.fault.startswith(weaken.FAULT) for entry in Ledger.of(cluster.name).own()):
            for line in undo.heal_own(cluster.name):
                recorder.note(f"healed after the experiment: {line}")


def _scene(document: Document, cluster: Cluster, recorder: Recorder) -> Scene:
    """Returns what is to be collected about a case."""
    configuration = document.configuration
    callers = configuration.traffic.callers if configuration.traffic else {}
    zones = sorted({call.zone for call in callers.values() if call.zone})
    area = configuration.experiment.partition("/")[0]
    return Scene(cluster, recorder, area, configuration.watch, zones, now()["wall"])
