"""What the settings allow: asked before an experiment is run, recorded with it, and shown on its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from experiments import attainability, catalogue, documents
from experiments.attainability import live
from experiments.attainability.model import Attainability, Settings, Target
from experiments.catalogue import Experiment
from experiments.documents import Document

if TYPE_CHECKING:
    from deploy.cluster import Cluster
    from experiments.record import Recorder

ATTAINABLE, OUT_OF_REACH = 0, 1
LOG_WIDTH = 150  # a pipe has no width


def of(
    experiment: Experiment, document: Document, settings: Settings, control: str | None = None
) -> list[Attainability]:
    """Answers for each target that a run of an experiment is judged by."""
    judged = experiment.targets_under(control)
    targets = [
        Target(
            id=table["id"],
            statistic=table["statistic"],
            limit=float(table["limit"]),
            unit=table["unit"],
            relation=table["relation"],
            parameters=table.get("parameters", {}),
        )
        for table in catalogue.targets_of(experiment.name)
        if table["id"] in judged
    ]
    return attainability.plan(targets, document, settings)


def recorded(
    experiment: Experiment, document: Document, control: str | None, cluster: Cluster, recorder: Recorder
) -> bool:
    """Records what the settings allow; returns whether it is in vain to run the experiment."""
    answers = of(experiment, document, live.settings(cluster), control)
    for answer in answers:
        recorder.event("attainability", **asdict(answer))
    in_vain = control is None and bool(answers) and all(answer.attainable is False for answer in answers)
    if in_vain:
        recorder.note("nothing was injected: every target is out of reach with these settings")
    return in_vain


def show(cluster: Cluster, names: Sequence[str]) -> int:
    """Prints a line for each target of the experiments; returns 0 all are attainable, 1 something is out of reach."""
    settings = live.settings(cluster)
    answers: list[Attainability] = []
    for experiment in map(catalogue.find, names):
        answers += of(experiment, documents.load(experiment.path, experiment.name), settings)
    _print(answers)
    return OUT_OF_REACH if any(answer.attainable is False for answer in answers) else ATTAINABLE


def figure(answer: Attainability) -> str:
    """The floor as it is read: "6.0 s", "never" for what is out of reach for ever, "-" where none follows."""
    if answer.floor is None:
        return "never" if answer.attainable is False else "-"
    text = f"{answer.floor:.1f}" if answer.unit in {"s", "%", "ms"} else f"{answer.floor:g}"
    return f"{text} {answer.unit}"


def _print(answers: Sequence[Attainability]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    table = Table("target", "floor", "limit", "attainable", "bound by", box=None)
    for answer in answers:
        table.add_row(
            answer.target,
            figure(answer),
            f"{answer.relation} {answer.limit:g} {answer.unit}",
            {True: "yes", False: "no", None: "not known"}[answer.attainable],
            answer.bound_by + (f"\nfix: {answer.fix}" if answer.fix else ""),
            style={True: "", False: "red", None: "yellow"}[answer.attainable],
        )
    console.print(table)
