"""The control that every document declares: records the run, and calls the platform while it is disrupted.

Declared in the document (not only in our settings), so that `chaos run` by hand records too:

```yaml
controls:
  - {name: recording, provider: {type: python, module: experiments.controls.recording}}
configuration:
  experiment: mesh/ejection
  account: workload-faults  # whom it acts as: deploy/suite_access
  watch: {shop: [app, api, worker]}
  traffic: {…}             # see experiments/traffic.py
```
A control that fails is ignored by Chaos Toolkit unless it interrupts the execution: nothing may run unrecorded.
The journal is written here and after each step: Chaos Toolkit's own comes once, at the end, and a kill -9 leaves none.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import Any

from chaoslib.exceptions import InterruptExecution

from deploy.cluster import Cluster
from deploy.errors import Problem
from experiments import account, catalogue, leash, running, session
from experiments.journal import Journal
from experiments.ledger import Ledger
from experiments.radius import Radius
from experiments.record import CASE_DIR, CONTROL, Recorder, case_name, new_run_folder, now
from experiments.traffic import Plan, Traffic

PRIVATE = 0o077  # callers and Locust, who write into the record too, inherit it

_journals: list[Journal] = []
_acting = ExitStack()  # closed when the experiment is over; what the runner holds for a document that it runs


def before_experiment_control(context: dict[str, Any], configuration: dict[str, Any], **_: Any) -> None:
    """Opens the case's folder, starts watchers and callers."""
    leash.obey()
    experiment = str(configuration["experiment"])
    os.umask(PRIVATE)
    try:
        by_hand = CASE_DIR not in os.environ
        if by_hand:
            folder = new_run_folder("-by-hand") / case_name(experiment)
            os.environ[CASE_DIR] = str(folder)
            print(f"recording into {folder}")
        recorder = Recorder.current()
        _journals.append(Journal(recorder, context))
        recorder.describe_new(
            case=recorder.folder.name,
            experiment=experiment,
            targets=list(catalogue.find(experiment).targets_under(os.environ.get(CONTROL) or None)),
            description=str(context.get("description", "")),
            started=now(),
        )
        cluster = Cluster.connect()
        if by_hand:
            radius = Radius.model_validate(configuration["blast_radius"])
            _acting.enter_context(running.begun(cluster.name, recorder.folder.name, radius))
            cluster = _act_as(cluster, str(configuration["account"]), recorder.folder.name)
        else:  # whoever started us has given us the account's kubeconfig
            account.keep_changes(cluster, recorder.folder.name)
        raw = configuration.get("traffic")
        traffic = Traffic(cluster, recorder, Plan.model_validate(raw) if raw else None, Ledger.of(cluster.name))
        session.begin(session.Session(cluster, recorder, session.numbers(configuration.get("watch")), traffic))
    except Exception as error:
        session.end()
        _acting.close()
        raise InterruptExecution(f"the experiment was not begun: {error}") from error


def before_hypothesis_control(**_: Any) -> None:
    """The steady state's probes are told with it."""
    _phase(None)


def after_hypothesis_control(state: dict[str, Any] | None = None, **_: Any) -> None:
    """Writes down how the steady state was found."""
    for journal in _journals:
        journal.steady_state(state)


def before_method_control(**_: Any) -> None:
    """The next activities are the method's."""
    _phase("run")


def before_rollback_control(**_: Any) -> None:
    """The next activities are rollbacks."""
    _phase("rollbacks")


def after_activity_control(state: dict[str, Any] | None = None, **_: Any) -> None:
    """Writes down what was played and how it ended."""
    for journal in _journals:
        if state is not None:
            journal.activity(state)


def after_experiment_control(state: dict[str, Any] | None = None, **_: Any) -> None:
    """Stops callers and watchers and closes the record, Chaos Toolkit's journal included."""
    try:
        session.end()
    finally:
        _acting.close()
        for journal in _journals:
            if state is not None:
                journal.whole(state)
        _journals.clear()
        with suppress(Problem):  # it was never opened, which before_experiment_control has said
            Recorder.current().describe(ended=now())


def _phase(name: str | None) -> None:
    for journal in _journals:
        journal.phase(name)


def _act_as(cluster: Cluster, name: str, case: str) -> Cluster:
    """Makes this process act as the experiment's account, chaostoolkit-kubernetes and what it starts included."""
    acting = _acting.enter_context(account.acting_as(cluster, name, case))
    for variable in ("KUBECONFIG", "RESILIENCE_KUBECONFIG"):
        os.environ[variable] = str(acting.kubeconfig)
    os.environ["KUBERNETES_CONTEXT"] = os.environ["RESILIENCE_CONTEXT"] = acting.context
    return acting
