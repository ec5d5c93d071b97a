"""Reading a case's folder: what is missing, torn or damaged becomes a fact and never a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.events import Ejection, Note, Ready, Unknown, parse_event
from reports.judge import judge_case
from reports.model import Outcome
from reports.reader import case_of_name, is_case, read_case
from reports.record import Defect
from reports.targets import load_targets
from tests.unit.records import CALLERS, ejection_case, pdb_case, samples

if TYPE_CHECKING:
    from pathlib import Path


def test_an_empty_folder_is_three_facts(tmp_path: Path) -> None:
    folder = tmp_path / "mesh.ejection~no-outlier-detection"
    folder.mkdir()
    record = read_case(folder)
    assert {(defect.file, defect.kind) for defect in record.defects} == {
        ("case.json", "missing"),
        ("journal.json", "missing"),
        ("events.ndjson", "missing"),
    }
    assert (record.case.experiment, record.case.control) == ("mesh/ejection", "no-outlier-detection")
    assert not is_case(folder)
    (verdict,) = judge_case(record, load_targets())
    assert (verdict.target, verdict.control, verdict.outcome) == (
        "mesh.ejection",
        "no-outlier-detection",
        Outcome.ERROR,
    )


def test_a_name_without_control() -> None:
    assert case_of_name("high_availability.zone_outage").experiment == "high_availability/zone_outage"
    assert case_of_name("mesh.mtls").control is None


def test_only_the_last_line_may_be_torn(tmp_path: Path) -> None:
    folder = pdb_case().write(tmp_path)
    good = (folder / "events.ndjson").read_text()
    for cut in range(1, 60, 7):
        (folder / "events.ndjson").write_text(good[:-cut])
        record = read_case(folder)
        assert {defect.kind for defect in record.defects} <= {"torn"}
    (folder / "events.ndjson").write_text("\x00\xff garbage\n" + good)
    assert [defect.kind for defect in read_case(folder).defects] == ["damaged"]


def test_bytes_that_are_no_text_do_not_crash(tmp_path: Path) -> None:
    folder = ejection_case().write(tmp_path)
    (folder / "samples-gateway.ndjson").write_bytes(b"\xff\xfe\x00\n\x80")
    record = read_case(folder)
    assert [defect.kind for defect in record.defects] == ["damaged", "torn"]
    assert judge_case(record, load_targets())[0].outcome is Outcome.ERROR


def test_a_torn_sample_file_has_its_samples_and_no_end(tmp_path: Path) -> None:
    folder = ejection_case().write(tmp_path)
    path = folder / "samples-gateway.ndjson"
    path.write_text(path.read_text()[:-20])
    record = read_case(folder)
    gateway = next(caller for caller in record.callers if caller.name == "gateway")
    assert (len(gateway.samples), gateway.end) == (len(samples()), None)
    assert record.defects[0].kind == "torn"


def test_callers_know_their_zone(tmp_path: Path) -> None:
    record = read_case(ejection_case().write(tmp_path))
    assert [(caller.name, caller.zone) for caller in record.callers] == [(name, name) for name in CALLERS]


@pytest.mark.parametrize(
    ("status", "failed"), [(0, True), (200, False), (404, False), (499, False), (500, True), (503, True)]
)
def test_a_failure_is_no_answer_or_a_servers_error(tmp_path: Path, status: Any, failed: Any) -> None:
    case = ejection_case()
    case.callers["gateway"][0]["status"] = status
    record = read_case(case.write(tmp_path))
    assert record.callers[0].samples[0].failed is failed


def test_events_are_put_in_order_and_unknown_kinds_kept(tmp_path: Path) -> None:
    case = pdb_case()
    case.events = [{"t": 5, "kind": "note", "text": "late"}, {"t": 1, "kind": "from-the-future", "x": 1}]
    record = read_case(case.write(tmp_path))
    assert [type(event) for event in record.events] == [Unknown, Note]


def test_an_event_is_read_with_units_and_extras_ignored() -> None:
    line = '{"t": 1, "wall": 2, "kind": "ejection", "client": "c", "host": "h", "lo": 0.5, "hi": 1, "more": {}}'
    assert parse_event(line) == Ejection("ejection", 1.0, "c", "h", 0.5, 1.0)
    ready = parse_event('{"t": 3, "kind": "ready", "tier": "app", "desired": 9, "ready": 8, "lo": 2}')
    assert isinstance(ready, Ready)
    assert (ready.at_least, ready.at_most) == (2.0, 3.0)


@pytest.mark.parametrize("line", ["", "1", "null", "[]", '{"kind": "ejection", "t": 1}', '{"kind": "note"}'])
def test_what_is_no_event_is_a_value_error(line: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is pydantic's
        parse_event(line)


def test_a_folder_in_place_of_a_file_is_unreadable(tmp_path: Path) -> None:
    folder = pdb_case().write(tmp_path)
    (folder / "journal.json").unlink()
    (folder / "journal.json").mkdir()
    (defect,) = read_case(folder).defects
    assert isinstance(defect, Defect)
    assert (defect.file, defect.kind) == ("journal.json", "unreadable")
