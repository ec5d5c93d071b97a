"""Which experiments there are, which targets each proves, and which negative controls it has."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from deploy.errors import Usage
from deploy.paths import ROOT
from experiments.record import case_name

DOCUMENTS = ROOT / "experiments"
TARGETS = ROOT / "tests" / "targets.toml"
CONTROLS = ROOT / "tests" / "controls"
TESTS = ROOT / "tests"
SETTINGS = DOCUMENTS / "settings.yaml"
NAME = re.compile(r"[a-z0-9_]+/[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Experiment:
    """One document.

    Attributes:
        name: its path below experiments/, without ending: mesh/ejection.
        path: of the document.
        targets: ids of the targets it proves, in the order of targets.toml.
        controls: for each negative control, the targets that must fail under it.
    """

    name: str
    path: Path
    targets: tuple[str, ...]
    controls: dict[str, tuple[str, ...]]

    def control_file(self, control: str) -> Path:
        """Returns the file that says which protection a negative control takes away."""
        if self.path.is_relative_to(TESTS):
            return self.path.with_name(f"{self.path.stem}~{control}.yaml")
        return CONTROLS / f"{case_name(self.name, control)}.yaml"

    def targets_under(self, control: str | None) -> tuple[str, ...]:
        """Returns the targets that a run is judged by: all, or those that the control must break."""
        return self.controls[control] if control else self.targets


def names() -> list[str]:
    """Returns every experiment's name, sorted."""
    return sorted(str(path.relative_to(DOCUMENTS).with_suffix("")) for path in DOCUMENTS.glob("*/*.yaml"))


def find(name: str) -> Experiment:
    """Returns an experiment by its name.

    A document below tests/ is found by its path from the checkout, with its controls beside it; it promises nothing and
    is in no list.

    Raises:
        Usage: there is no such document; names those there are.
    """
    name = name.removeprefix("experiments/").removesuffix(".yaml")
    path = (ROOT / f"{name}.yaml").resolve()
    if path.is_relative_to(TESTS) and path.is_file():
        beside = path.parent.glob(f"{path.stem}~*.yaml")
        return Experiment(name, path, (), {control.stem.partition("~")[2]: () for control in beside})
    document = DOCUMENTS / f"{name}.yaml"
    if not NAME.fullmatch(name) or not document.is_file():
        raise Usage(f"there is no experiment {name!r}", fix=f"one of: {', '.join(names())}")
    targets = targets_of(name)
    controls: dict[str, tuple[str, ...]] = {}
    for target in targets:
        for control in target.get("controls", []):
            controls[control] = (*controls.get(control, ()), target["id"])
    ids = tuple(target["id"] for target in targets)
    return Experiment(name, document, ids, controls)


def targets_of(experiment: str) -> list[dict[str, Any]]:
    """Returns the tables of targets.toml that an experiment is there to prove."""
    return [table for table in _tables(TARGETS.read_text()) if table["experiment"] == experiment]


@lru_cache(maxsize=1)
def _tables(text: str) -> list[dict[str, Any]]:
    """Returns the tables of targets.toml: it is read for every experiment, and says the same each time."""
    return list(tomllib.loads(text)["target"])
