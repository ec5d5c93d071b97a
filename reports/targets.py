"""Loads targets.toml: every promised figure once, checked before anything is run or judged."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

import reports.judge.statistics  # noqa: F401 - registers the statistics that targets name
from reports.judge.registry import STATISTICS
from reports.model import Parameters, Relation, Target
from reports.problem import ReportProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_TARGETS = Path(__file__).resolve().parent.parent / "tests" / "targets.toml"


class TargetProblem(ReportProblem):
    """targets.toml cannot be used as it is, or does not have the target asked for."""


@dataclass(frozen=True, slots=True)
class Targets:
    """All targets, in the order of the file."""

    all: tuple[Target[Parameters], ...]

    def __iter__(self) -> Iterator[Target[Parameters]]:
        return iter(self.all)

    def __getitem__(self, target_id: str) -> Target[Parameters]:
        """The target of that id.

        Raises:
            TargetProblem: there is none.
        """
        for target in self.all:
            if target.id == target_id:
                return target
        raise TargetProblem(
            f"there is no target {target_id!r}", fix=_did_you_mean(target_id, [target.id for target in self.all])
        )

    def of_experiment(self, experiment: str) -> tuple[Target[Parameters], ...]:
        """The targets that an experiment is there to prove."""
        return tuple(target for target in self.all if target.experiment == experiment)


def load_targets(path: Path = DEFAULT_TARGETS) -> Targets:
    """Reads and checks targets.toml.

    Raises:
        TargetProblem: no such file, not TOML, an unknown field, statistic or relation, an id twice; says what to do.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TargetProblem(f"{path} cannot be read: {error.strerror}", fix="name it with --targets") from error
    return _checked(text, path)


@lru_cache(maxsize=8)
def _checked(text: str, path: Path) -> Targets:
    """What a file says; it is asked for again with each case, and seldom says anything else."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TargetProblem(f"{path} is not TOML: {error}", fix="mend that line") from error
    tables = raw.get("target")
    if not isinstance(tables, list) or not tables:
        raise TargetProblem(f"{path} has no [[target]]", fix="add one table a target")
    targets = tuple(_target(table) for table in tables)
    for target_id, count in Counter(target.id for target in targets).items():
        if count > 1:
            raise TargetProblem(f"target {target_id} stands {count} times in {path.name}", fix="keep one of them")
    return Targets(targets)


def _target(table: dict[str, Any]) -> Target[Parameters]:
    """One target, its parameters read by the model that its statistic declares."""
    name = str(table.get("id", "without id"))
    if (relation := table.get("relation")) not in get_args(Relation):
        raise TargetProblem(
            f"target {name}: unknown relation {relation!r}", fix=f"use one of {', '.join(get_args(Relation))}"
        )
    if (statistic := str(table.get("statistic"))) not in STATISTICS:
        raise TargetProblem(
            f"target {name}: unknown statistic {statistic!r}", fix=_did_you_mean(statistic, sorted(STATISTICS))
        )
    parameters = STATISTICS[statistic].parameters
    try:
        told = parameters.model_validate(table.get("parameters", {}))
    except ValidationError as error:
        raise _unfit(f"target {name}: parameters.", error, parameters) from error
    try:
        return Target[Parameters].model_validate(table | {"parameters": told})
    except ValidationError as error:
        raise _unfit(f"target {name}: ", error, Target[Parameters]) from error


def _unfit(where: str, error: ValidationError, model: type[BaseModel]) -> TargetProblem:
    """The first thing that a model does not take, with the nearest that it does."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = sorted(model.model_fields)
        fix = _did_you_mean(field, known) if known else "remove it"
        return TargetProblem(f"{where}{field} is not known", fix=fix)
    if first["type"] == "missing":
        return TargetProblem(f"{where}{field} is missing", fix=f"add {field} to that target")
    return TargetProblem(f"{where}{field}: {first['msg']}", fix=f"mend {field} of that target")


def _did_you_mean(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
