"""The corpus: which record is spoilt how, and what must be said about it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from reports.model import Outcome
from reports.reader import read_case
from reports.record import CaseRecord
from reports.targets import Targets, load_targets
from tests.corpus.bases import base
from tests.corpus.edits import apply

ENTRIES = Path(__file__).parent / "entries"


class Entry(BaseModel):
    """One record of known verdict.

    Attributes:
        kind: good if its figure is right, kept or honestly broken; bad if nothing in it may ever give a pass.
        answers: the threads of peers, or the lines of research, whose failure this is.
        edits: see tests.corpus.edits.
        expect: by target, its outcome and a pattern of its reason: "failed: measured 61.0 s".
        target: fields of the targets that are other ones here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    base: str
    kind: Literal["good", "bad"]
    answers: str = ""
    edits: tuple[dict[str, Any], ...] = ()
    expect: dict[str, str]
    target: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """How a test names it."""
        return f"{self.kind}-{self.base}-{self.name}" + (f" [{self.answers}]" if self.answers else "")

    def wanted(self) -> dict[str, tuple[Outcome, str]]:
        """By target, the outcome and the pattern of the reason."""
        parted = {target: said.partition(": ") for target, said in self.expect.items()}
        return {target: (Outcome(outcome), pattern) for target, (outcome, _, pattern) in parted.items()}

    def record(self, run: Path) -> CaseRecord:
        """The record, written below a folder and read again as any record is."""
        folder = run / self.base
        folder.mkdir(parents=True)
        for name, content in apply(base(self.base), self.edits).items():
            (folder / name).write_bytes(content)
        return read_case(folder)

    def targets(self) -> Targets:
        """The real targets, with this entry's changes."""
        return Targets(tuple(target.model_copy(update=self.target) for target in _targets()))


@cache
def _targets() -> Targets:
    return load_targets()


@cache
def load() -> tuple[Entry, ...]:
    """Every entry, file by file."""
    return tuple(_all())


def _all() -> Iterator[Entry]:
    for path in sorted(ENTRIES.glob("*.yaml")):
        for kind, entries in yaml.load(path.read_text(), yaml.CSafeLoader).items():
            for name, said in entries.items():
                yield Entry.model_validate({"name": name, "base": path.stem, "kind": kind} | said)
