"""The control that every document declares: records the run, and calls the platform while it is disrupted.

Declared in the document (not only in our settings), so that `chaos run` by hand records too:

```yaml
controls:
  - {name: recording, provider: {type: python, module: experiments.controls.recording}}
configuration:
  experiment: mesh/ejection
  watch: {shop: [app, api, worker]}
  traffic: {…}             # see experiments/traffic.py
```
A control that fails is ignored by Chaos Toolkit unless it interrupts the execution: nothing may run unrecorded.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, suppress
from typing import Any

from chaoslib.exceptions import InterruptExecution

from deploy.cluster import Cluster
from deploy.errors import Problem
from deploy.files import replace_text
from experiments import catalogue, session
from experiments.interrupts import end_with_parent
from experiments.ledger import Ledger
from experiments.record import CASE_DIR, CONTROL, Recorder, case_name, new_run_folder, now
from experiments.traffic import Plan, Traffic

_lock = ExitStack()  # held until the process ends, which is what closes it


def before_experiment_control(context: dict[str, Any], configuration: dict[str, Any], **_: Any) -> None:
    """Opens the case's folder, starts watchers and callers."""
    experiment = str(configuration["experiment"])
    try:
        by_hand = CASE_DIR not in os.environ
        if by_hand:
            folder = new_run_folder("-by-hand") / case_name(experiment)
            os.environ[CASE_DIR] = str(folder)
            print(f"recording into {folder}")
        recorder = Recorder.current()
        recorder.describe_new(
            case=recorder.folder.name,
            experiment=experiment,
            targets=list(catalogue.find(experiment).targets_under(os.environ.get(CONTROL) or None)),
            description=str(context.get("description", "")),
            started=now(),
        )
        cluster = Cluster.connect()
        if by_hand:
            _lock.enter_context(only_experiment(cluster.name, within_s=0))
        else:
            end_with_parent()
        # For what chaosk8s asks: a document that is run by hand would ask whatever cluster is current.
        os.environ |= {"KUBECONFIG": str(cluster.kubeconfig), "KUBERNETES_CONTEXT": cluster.context}
        raw = configuration.get("traffic")
        traffic = Traffic(cluster, recorder, Plan.model_validate(raw) if raw else None, Ledger.of(cluster.name))
        session.begin(session.Session(cluster, recorder, session.numbers(configuration.get("watch")), traffic))
    except Exception as error:
        session.end()
        raise InterruptExecution(f"the experiment was not begun: {error}") from error


def after_experiment_control(state: dict[str, Any] | None = None, **_: Any) -> None:
    """Stops callers and watchers and closes the record, Chaos Toolkit's journal included.

    The journal is written here too because `chaos run` by hand writes it to the current folder, where no judge looks.
    """
    try:
        session.end()
    finally:
        with suppress(Problem):  # it was never opened, which before_experiment_control has said
            recorder = Recorder.current()
            if state is not None:
                replace_text(recorder.folder / "journal.json", json.dumps(state, default=str), mode=0o600)
            recorder.describe(ended=now())
