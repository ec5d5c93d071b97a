"""Reads a case's folder. A missing file is a fact, a torn last line is what kill -9 leaves; neither is a crash."""

from __future__ import annotations

import json
import math
from operator import attrgetter
from typing import TYPE_CHECKING

from msgspec.json import Decoder
from pydantic import TypeAdapter

from reports.events import Event, Eviction, parse_event
from reports.journal import Journal
from reports.record import Caller, CallerEnd, CallerHead, Case, CaseRecord, Defect, DefectKind, Row, Sample, UserLoad

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

# Threads stamp an event and then wait for the file: two may swap places, by far less than this.
SLACK_S = 1.0

_CASE = TypeAdapter(Case)
_USERS = TypeAdapter(UserLoad)
_JOURNAL = TypeAdapter(Journal)
_SAMPLES = Decoder(Sample)
_HEAD = TypeAdapter(CallerHead)
_END = TypeAdapter(CallerEnd)


def is_case(folder: Path) -> bool:
    """Whether a folder of a run holds a case, whole or in pieces."""
    return folder.is_dir() and any((folder / name).exists() for name in ("case.json", "events.ndjson", "journal.json"))


def read_case(folder: Path) -> CaseRecord:
    """Reads what is there; what is not there, or cannot be read, is in `defects`."""
    defects: list[Defect] = []
    case = _whole(folder / "case.json", _CASE.validate_json, defects)
    journal = _whole(folder / "journal.json", _JOURNAL.validate_json, defects)
    events = _lines(folder / "events.ndjson", parse_event, defects)
    _ordered(events, case.started.mono if case and case.started else -math.inf, defects)
    callers = tuple(_caller(path, defects) for path in sorted(folder.glob("samples-*.ndjson")))
    load = folder / "locust.json"
    return CaseRecord(
        name=folder.name,
        case=case or case_of_name(folder.name),
        journal=journal,
        events=tuple(sorted(events, key=lambda event: event.t)),
        callers=callers,
        users=_whole(load, _USERS.validate_json, defects) if load.exists() else None,
        rows={path.stem: dict(_lines(path, _made, defects)) for path in sorted(folder.glob("*.rows"))},
        defects=tuple(defects),
    )


def case_of_name(name: str) -> Case:
    """A case as far as its folder's name tells: "mesh.ejection~no-outlier-detection"."""
    experiment, _, control = name.partition("~")
    return Case(case=name, experiment=experiment.replace(".", "/"), control=control or None)


def _whole[T](path: Path, parse: Callable[[str], T], defects: list[Defect]) -> T | None:
    text = _text(path, defects)
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        defects.append(Defect(path.name, "unreadable", _first_line(error)))
        return None


def _lines[T](path: Path, parse: Callable[[str], T], defects: list[Defect]) -> list[T]:
    """What each line says. A line that stands twice, stamp and all, is one fact that was written twice."""
    return _parsed((_text(path, defects) or "").splitlines(), path.name, parse, defects)


def _parsed[T](lines: Sequence[str], file: str, parse: Callable[[str], T], defects: list[Defect]) -> list[T]:
    parsed: dict[str, T] = {}
    for number, line in enumerate(lines, start=1):
        if line in parsed:
            continue
        try:
            parsed[line] = parse(line)
        except ValueError as error:
            kind: DefectKind = "torn" if number == len(lines) else "damaged"
            defects.append(Defect(file, kind, f"line {number}: {_first_line(error)}"))
    return list(parsed.values())


def _ordered(events: Sequence[Event], began: float, defects: list[Defect]) -> None:
    """The clock that everything is judged by only goes forward: from the case's beginning, and within each event.

    An eviction is stamped when it is asked for and written when it is answered.
    """
    reached = began
    for event in events:
        lo, hi = getattr(event, "lo", None), getattr(event, "hi", None)
        if event.t < (began if isinstance(event, Eviction) else reached) - SLACK_S:
            detail = f"{event.kind} stands {reached - event.t:.1f} s before what was written earlier"
        elif lo is not None and hi is not None and lo > hi:
            detail = f"{event.kind} ended {lo - hi:.1f} s before it began"
        else:
            reached = max(reached, event.t)
            continue
        defects.append(Defect("events.ndjson", "disordered", detail))
        return


def _text(path: Path, defects: list[Defect]) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        defects.append(Defect(path.name, "missing"))
    except OSError as error:
        defects.append(Defect(path.name, "unreadable", error.strerror or "cannot be read"))
    return None


def _caller(path: Path, defects: list[Defect]) -> Caller:
    text = _text(path, defects) or ""
    head, _, rest = text.partition("\n")
    body, _, end = rest.rstrip("\n").rpartition("\n")
    try:  # nearly every file is whole: a head, samples that are read in one step, and an end
        rows: list[Row] = [_HEAD.validate_json(head), _END.validate_json(end)]
        samples = _SAMPLES.decode_lines(body)
    except ValueError:
        rows = _parsed(text.splitlines(), path.name, _row, defects)
        samples = [row for row in rows if isinstance(row, Sample)]
    if len({sample.i for sample in samples}) < len(samples):  # what was written twice is one request
        samples = list({sample.i: sample for sample in samples}.values())
    return Caller(
        name=path.name.removeprefix("samples-").removesuffix(".ndjson"),
        file=path.name,
        head=_first(rows, CallerHead),
        samples=tuple(sorted(samples, key=attrgetter("due"))),
        end=_first(rows, CallerEnd),
    )


def _row(line: str) -> Row:
    if '"due"' in line:
        return _SAMPLES.decode(line)
    raw = json.loads(line)
    return _END.validate_python(raw) if isinstance(raw, dict) and "end" in raw else _HEAD.validate_python(raw)


def _made(line: str) -> tuple[str, float]:
    row, made = line.split()
    return row, float(made)


def _first[T](rows: Iterable[object], kind: type[T]) -> T | None:
    return next((row for row in rows if isinstance(row, kind)), None)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
