"""What the judge says in full: of each record as it was made, and of one that breaks each promise, with the fix.

The file is data. `python -m tests.corpus verdicts` writes it anew; its difference is what to check by eye.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from reports.judge import judge_case
from reports.model import Outcome
from tests.corpus import entries
from tests.corpus.bases import BUILT
from tests.corpus.entries import Entry

FILE = Path(__file__).with_name("verdicts.yaml")
HEAD = "# Written by `python -m tests.corpus verdicts`; check every difference by eye.\n"


def load() -> dict[str, Any]:
    """By entry, by target: what is said."""
    return dict(yaml.load(FILE.read_text(), yaml.CSafeLoader))


@cache
def chosen() -> dict[str, Entry]:
    """The entries: each base as it was made, and for each target the first that breaks it."""
    found = {name: Entry(name="as it was made", base=name, kind="good", expect={}) for name in BUILT}
    broken: set[str] = set()
    for entry in entries.load():
        breaks = {target for target, (outcome, _) in entry.wanted().items() if outcome is Outcome.FAILED} - broken
        if entry.base in BUILT and breaks:
            broken |= breaks
            found[entry.id] = entry
    return found


def told(entry: Entry) -> dict[str, Any]:
    """What the judge says of an entry, by target, as plain data."""
    with TemporaryDirectory() as run:
        verdicts = judge_case(entry.record(Path(run)), entry.targets())
    return {verdict.target: _plain(verdict) for verdict in verdicts}


def _plain(verdict: Any) -> dict[str, Any]:
    measured = verdict.measured
    return {
        "reason": verdict.reason,
        "fix": verdict.fix,
        "margin": verdict.margin,
        "measured": measured and [round(measured.lo, 3), round(measured.hi, 3)],
        "evidence": list(verdict.evidence),
        "extra": verdict.extra,
    }


def write() -> None:
    """Writes the file anew."""
    said = {name: told(entry) for name, entry in chosen().items()}
    FILE.write_text(HEAD + yaml.dump(said, Dumper=_Indented, sort_keys=False, allow_unicode=True, width=140))


class _Indented(yaml.SafeDumper):
    """Lists stand further in than their key, as everywhere in this project."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - yaml's own
        super().increase_indent(flow, indentless=False)
