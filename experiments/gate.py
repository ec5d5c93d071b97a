"""The gate: every experiment and every negative control, judged, with one exit code.

pytest runs the experiments and the judge reads what they recorded, each in a process of its own: the exit code is the
judge's, and what pytest thinks of it only matters where the record would be silent.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from deploy.paths import ROOT
from experiments import catalogue, environment
from experiments.record import case_name

SELECTION = "nightly or control"
NOT_PROVEN, MISSING = 2, 69


def cases() -> list[str]:
    """Returns the folder names of all cases a whole run leaves."""
    found = []
    for experiment in map(catalogue.find, catalogue.names()):
        found += [case_name(experiment.name), *(case_name(experiment.name, name) for name in experiment.controls)]
    return found


def run(folder: Path, image_source: str) -> int:
    """Runs everything into a folder; returns 0 all passed, 1 something failed, 2 not proven, 69 nothing could run."""
    environment.expect(folder, cases())
    selected = ["tests", "-m", SELECTION, "--run-dir", str(folder), "--image-source", image_source, "--keep-cluster"]
    tests = subprocess.run([sys.executable, "-m", "pytest", *selected], cwd=ROOT, check=False).returncode
    if not any(folder.glob("*/case.json")):
        return MISSING
    told = folder / "results.json"  # pytest's summary judged and printed already, unless it was cut off
    verdict = int(json.loads(told.read_text())["exit_code"]) if told.exists() else judge(folder)
    return verdict or (NOT_PROVEN if tests else 0)


def judge(folder: Path) -> int:
    """Judges a recorded run, prints its table and returns the judge's exit code."""
    return subprocess.run([sys.executable, "-m", "reports", str(folder)], cwd=ROOT, check=False).returncode
