"""A file of the record that is missing, unreadable, damaged or torn is a fact that the verdict names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from reports.judge import judge_case
from reports.model import Outcome
from reports.reader import read_case
from reports.targets import load_targets
from tests.unit.records import T0, ejection_case, pdb_case

if TYPE_CHECKING:
    from pathlib import Path


def test_a_good_record_passes(tmp_path: Path) -> None:
    verdict = ejection_case().judge(tmp_path)
    assert (verdict.outcome, verdict.reason.split(" (")[0]) == (Outcome.PASSED, "measured 4.0 s, allowed < 60 s")
    assert "mesh.ejection/samples-gateway.ndjson" in verdict.evidence


@pytest.mark.parametrize("name", ["case.json", "journal.json", "events.ndjson"])
def test_a_missing_file_is_an_error(tmp_path: Path, name: Any) -> None:
    folder = ejection_case().write(tmp_path)
    (folder / name).unlink()
    (verdict,) = judge_case(read_case(folder), load_targets())
    assert (verdict.outcome, verdict.reason) == (Outcome.ERROR, f"{name} is missing")
    assert f"mesh.ejection/{name}" not in verdict.evidence


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run": []}'])
def test_an_unreadable_journal_is_an_error(tmp_path: Path, text: Any) -> None:
    folder = ejection_case().write(tmp_path)
    (folder / "journal.json").write_text(text)
    (verdict,) = judge_case(read_case(folder), load_targets())
    assert verdict.outcome is Outcome.ERROR
    assert verdict.reason.startswith("journal.json is unreadable")


def test_a_torn_last_line_is_tolerated_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    folder = ejection_case().write(tmp_path)
    events = folder / "events.ndjson"
    whole = events.read_text()
    events.write_text(whole + '{"t": 12, "kind": "ejec')
    assert judge_case(read_case(folder), load_targets())[0].outcome is Outcome.PASSED
    events.write_text('{"t": 12, "kind": "ejec\n' + whole)
    verdict = judge_case(read_case(folder), load_targets())[0]
    assert (verdict.outcome, "damaged: line 1" in verdict.reason) == (Outcome.ERROR, True)


def judged(folder: Path) -> Any:
    (verdict,) = judge_case(read_case(folder), load_targets())
    return verdict


def append(folder: Path, **event: Any) -> None:
    with (folder / "events.ndjson").open("a") as file:
        file.write(json.dumps(event) + "\n")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"t": T0 + 88.9}, "note stands 1.1 s before"),
        ({"t": 3.0}, "note stands 1087.0 s before"),
        (
            {"t": T0 + 99, "kind": "ejection", "client": "c", "host": "h", "lo": 5, "hi": 4},
            "ended 1.0 s before it began",
        ),
    ],
)
def test_a_clock_that_goes_backwards_proves_nothing(tmp_path: Path, event: Any, words: str) -> None:
    folder = ejection_case().write(tmp_path)
    append(folder, **{"kind": "note", "text": "x"} | event)
    verdict = judged(folder)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason.startswith("the clock of events.ndjson went backwards: ")
    assert words in verdict.reason


def test_threads_may_swap_events_by_less_than_a_second(tmp_path: Path) -> None:
    folder = ejection_case().write(tmp_path)
    append(folder, t=T0 + 89.3, kind="note", text="x")
    assert judged(folder).outcome is Outcome.PASSED


def test_an_eviction_may_be_written_long_after_it_was_asked_for(tmp_path: Path) -> None:
    folder = pdb_case().write(tmp_path)
    lines = (folder / "events.ndjson").read_text().splitlines(keepends=True)
    late = next(line for line in lines if '"eviction"' in line)
    lines.remove(late)
    (folder / "events.ndjson").write_text("".join([*lines, late]))
    assert judged(folder).outcome is Outcome.PASSED
    append(folder, **json.loads(late) | {"t": T0 - 20})
    assert "went backwards" in judged(folder).reason


def test_events_of_an_earlier_attempt_prove_nothing(tmp_path: Path) -> None:
    """The folder was used before: what stands above the case's beginning is another run's."""
    case = ejection_case()
    case.events.append({"t": T0 - 14, "kind": "note", "text": "of yesterday"})
    assert "note stands 2.0 s before what was written earlier" in case.judge(tmp_path).reason


@pytest.mark.parametrize("spoil", [{"done": T0}, {"sent": T0 + 5}, {"due": T0 + 2.1, "sent": T0 + 1}])
def test_a_request_that_ended_before_it_began_proves_nothing(tmp_path: Path, spoil: Any) -> None:
    case = ejection_case()
    case.callers["gateway"][110] |= spoil
    verdict = case.judge(tmp_path)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "the clock of samples-gateway.ndjson went backwards: a request ended before it began"


def test_lines_that_stand_twice_change_nothing(tmp_path: Path) -> None:
    folder = ejection_case().write(tmp_path)
    before = judged(folder)
    for name in ("events.ndjson", "samples-gateway.ndjson"):
        lines = (folder / name).read_text().splitlines(keepends=True)
        (folder / name).write_text("".join(line + line for line in lines))
    assert judged(folder) == before


def test_a_sample_that_stands_twice_hides_no_missing_one(tmp_path: Path) -> None:
    folder = ejection_case().write(tmp_path)
    path = folder / "samples-gateway.ndjson"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:500], lines[500], *lines[500:-3], *lines[-2:]]))
    assert judged(folder).reason == "1 samples of caller gateway are missing"


def test_a_case_that_names_no_target_is_judged_by_its_experiments(tmp_path: Path) -> None:
    case = ejection_case()
    case.targets = []
    assert case.judge(tmp_path).target == "mesh.ejection"
