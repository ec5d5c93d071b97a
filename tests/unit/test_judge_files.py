"""A file of the record that is missing, unreadable, damaged or torn is a fact that the verdict names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.judge import judge_case
from reports.model import Outcome
from reports.record import read_case
from reports.targets import load_targets
from tests.unit.records import ejection_case

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
