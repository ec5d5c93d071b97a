"""Whatever kills an experiment, at whatever moment: nothing of it is left."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from deploy.paths import ROOT
from experiments.record import CLUSTER

if TYPE_CHECKING:
    from deploy.cluster import Cluster

RUNS = "24"  # each way to be killed meets each document once; `python -m tests.kill_matrix --runs 100` is the long one


@pytest.mark.slow
@pytest.mark.certification
@pytest.mark.disruptive
@pytest.mark.timeout(3600)
def test_nothing_is_left_of_an_experiment_that_was_killed(kind_cluster: Cluster) -> None:
    """Goal: signals and kill -9 leave no paused node, taint, rule, caller, fault, changed object or open ledger entry.

    Method: real short experiments are killed at random moments; the cluster is compared with what it was before.
    A failure means: something that an experiment did outlived it; the output says what, and after which kill.
    """
    argv = [sys.executable, "-m", "tests.kill_matrix", "--runs", RUNS]
    env = os.environ | {CLUSTER: kind_cluster.name}
    ended = subprocess.run(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
