"""How a record is spoilt: each edit is one mapping of an entry, applied to the files of its base.

`in` names the file (events.ndjson where it is left out). Then one of:

    drop: true                    the file is gone
    text: "…"                     the file has this text instead
    tear: true                    its last line is cut in half, as kill -9 leaves it
    damage: true                  only the first third of its second line is left
    cut: [a, b]                   lines a to b are gone, counted from 0; b itself stays
    set: {a.b.0: x}               (JSON) these paths have these values
    add: {…}                      (NDJSON) a line more
    where: {…} with               (NDJSON) every line that has these values, or all
      remove: true                  is gone
      set: {…}                      has these values
      shift_s: x                    happened so much later; begin and end of it too
      twice: true                   stands twice
    as_is: true                   (NDJSON) lines are not put in order of time again

Times are seconds from the record's origin: the first fault's begin, or the first event where there was no fault.
In `where`, two numbers for a time are a range, [from, to), any other list is a choice, and "~x" is a pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.json import Decoder, Encoder, decode, encode

EVENTS = "events.ndjson"
TIMES = ("t", "lo", "hi", "due", "sent", "done")
type Files = dict[str, bytes]
type Line = dict[str, Any]
DECODER: Decoder[Any] = Decoder()
ENCODER = Encoder()


def apply(files: Mapping[str, bytes], edits: Iterable[Mapping[str, Any]]) -> Files:
    """The files of a record after every edit, in their order."""
    spoilt, zero = dict(files), origin(files)
    for edit in edits:
        name = str(edit.get("in", EVENTS))
        if edit.get("drop"):
            del spoilt[name]
        elif "text" in edit:
            spoilt[name] = str(edit["text"]).encode()
        elif edit.keys() & {"tear", "damage", "cut"}:
            spoilt[name] = _in_text(spoilt[name].decode().splitlines(keepends=True), edit).encode()
        elif name.endswith(".json"):
            spoilt[name] = _in_json(spoilt[name], edit["set"])
        else:
            spoilt[name] = _in_lines(spoilt[name], edit, zero)
    return spoilt


def origin(files: Mapping[str, bytes]) -> float:
    """The moment that an entry's times are counted from."""
    events = _read(files[EVENTS])
    begun = (event["lo"] for event in events if event["kind"] == "fault.started")
    return float(next(begun, events[0]["t"] if events else 0.0))


def _in_text(lines: list[str], edit: Mapping[str, Any]) -> str:
    if edit.get("tear"):
        lines[-1] = lines[-1][: len(lines[-1]) // 2]
    elif edit.get("damage"):
        lines[1] = lines[1][: len(lines[1]) // 3] + "\n"
    else:
        begin, end = edit["cut"]
        del lines[begin:end]
    return "".join(lines)


def _in_json(content: bytes, values: Mapping[str, Any]) -> bytes:
    whole = decode(content)
    for path, value in values.items():
        *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
        place = whole
        for part in way:
            place = place[part]
        if isinstance(place, list) and last == len(place):
            place.append(value)
        else:
            place[last] = value
    return encode(whole)


def _in_lines(content: bytes, edit: Mapping[str, Any], zero: float) -> bytes:
    lines = _read(content)
    if "add" in edit:
        changed = [*lines, _absolute(edit["add"], zero)]
    else:
        changed = [new for line in lines for new in (_spoilt(line, edit, zero) if _fits(line, edit, zero) else [line])]
        if changed == lines:
            raise ValueError(f"the edit {dict(edit)} changes nothing")
    if not edit.get("as_is"):
        changed.sort(key=lambda line: line.get("t", line.get("due", float("-inf" if "caller" in line else "inf"))))
    return ENCODER.encode_lines(changed)


def _spoilt(line: Line, edit: Mapping[str, Any], zero: float) -> list[Line]:
    if edit.get("remove"):
        return []
    if edit.get("twice"):
        return [line, line]
    if "shift_s" in edit:
        return [line | {key: line[key] + edit["shift_s"] for key in TIMES if line.get(key) is not None}]
    return [line | _absolute(edit["set"], zero)]


def _fits(line: Line, edit: Mapping[str, Any], zero: float) -> bool:
    return all(_is(key, line.get(key), wanted, zero) for key, wanted in edit.get("where", {}).items())


def _is(key: str, value: Any, wanted: Any, zero: float) -> bool:
    if isinstance(wanted, list) and key in TIMES:
        return value is not None and wanted[0] <= round(value - zero, 6) < wanted[1]
    if isinstance(wanted, str) and wanted.startswith("~"):
        return re.fullmatch(wanted[1:], str(value)) is not None
    return bool(value in wanted if isinstance(wanted, list) else value == wanted)


def _absolute(values: Mapping[str, Any], zero: float) -> Line:
    timed = TIMES if "planned" not in values else ()  # the last line of a caller counts what it sent
    return {key: value + zero if key in timed else value for key, value in values.items()}


def _read(content: bytes) -> list[Line]:
    return DECODER.decode_lines(content)
