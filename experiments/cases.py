"""What a whole run is made of: each experiment, and each of its negative controls, as a task that can be scheduled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from experiments import catalogue, documents, weaken
from experiments.catalogue import Experiment
from experiments.radius import Radius
from experiments.record import RUNS, case_name
from experiments.schedule import Task


@dataclass(frozen=True, slots=True)
class Case:
    """An experiment, with a negative control or without."""

    experiment: Experiment
    control: str | None

    @property
    def name(self) -> str:
        """Of its folder."""
        return case_name(self.experiment.name, self.control)

    @property
    def radius(self) -> Radius:
        """What it disturbs and needs."""
        return radius(self.experiment, self.control)

    def task(self, runs: Path = RUNS) -> Task:
        """Returns it as something to be scheduled: as long as it took last time, or as its document lets it take."""
        document = documents.load(self.experiment.path, self.experiment.name)
        plan = document.configuration.traffic
        expected_s = took_s(self.name, runs) or documents.bounds_s(document)
        return Task(self.name, self.radius, expected_s, plan.calls_hz if plan else 0)


def everything() -> list[Case]:
    """Returns every case there is, by name."""
    found = [Case(catalogue.find(name), None) for name in catalogue.names()]
    return found + [Case(each.experiment, control) for each in found for control in each.experiment.controls]


def radius(experiment: Experiment, control: str | None) -> Radius:
    """Returns the blast radius of an experiment's document, with what a control makes of it."""
    declared = documents.load(experiment.path, experiment.name).configuration.blast_radius
    if not control:
        return declared
    return declared.weakened(weaken.load(experiment.control_file(control)).disturbs)


def took_s(name: str, runs: Path = RUNS) -> float | None:
    """Returns how long a case took when it was last recorded to its end, in seconds; None if it never was."""
    return next(_times(name, runs), None)


def _times(name: str, runs: Path) -> Iterator[float]:
    for run in sorted(runs.glob(f"*/{name}/case.json"), reverse=True):  # a run's folder is named after its moment
        try:
            about = json.loads(run.read_text())
            yield float(about["ended"]["mono"] - about["started"]["mono"])
        except (OSError, ValueError, KeyError, TypeError):  # cut off
            continue
