"""What nothing but a starved machine kept from being proven is recorded once more, and nothing else is."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from experiments import record, runner
from experiments.record import EARLIER, Recorder, set_aside
from reports.model import Interval, Outcome, Verdict
from reports.results import judge_run, starved
from reports.targets import load_targets
from tests import judged
from tests.unit.records import ejection_case, samples

if TYPE_CHECKING:
    from pathlib import Path

LATE = "caller gateway was starved: 1 % of its requests went out 3001 ms late or later"


def late_case() -> Any:
    """The machine stood still for a while, so that the caller's requests went out 3 s late."""
    case = ejection_case()
    rows = samples()
    for row in rows[120:140]:
        row["sent"] += 3
        row["done"] += 3
    case.callers["gateway"] = rows
    return case


def verdict(target: str, outcome: Outcome, *, is_starved: bool = False) -> Verdict:
    extra = {"starved": True} if is_starved else {}
    return Verdict(target, "mesh.ejection", None, outcome, LATE, Interval(1, 1), extra=extra)


def test_a_caller_that_was_starved_makes_a_case_one_to_record_again(tmp_path: Path) -> None:
    late_case().write(tmp_path)
    results, _ = judge_run(tmp_path, load_targets())
    assert results.starved == {"mesh.ejection": LATE}
    assert results.exit_code == 2


def test_one_that_also_has_another_reason_is_none(tmp_path: Path) -> None:
    case = late_case()
    case.events = [event for event in case.events if event["kind"] != "fault.proof"]
    case.write(tmp_path)
    results, _ = judge_run(tmp_path, load_targets())
    assert results.verdicts[0].outcome is Outcome.INCONCLUSIVE
    assert results.starved == {}


@pytest.mark.parametrize(
    ("other", "again"),
    [(Outcome.PASSED, True), (Outcome.FAILED, False), (Outcome.INCONCLUSIVE, False), (Outcome.ERROR, False)],
)
def test_a_case_that_shows_something_broken_is_not_asked_until_it_pleases(other: Outcome, again: Any) -> None:
    found = starved([verdict("a.b", Outcome.INCONCLUSIVE, is_starved=True), verdict("a.c", other)])
    assert found == ({"mesh.ejection": LATE} if again else {})


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The cases that the next attempts record; what each was told of the one before is put in their place."""
    cases: list[Any] = []

    def run(_name: str, run_dir: Path, *_: Any, again: str = "") -> Path:
        folder = set_aside(run_dir / "mesh.ejection")
        case = cases.pop(0)
        cases.append(again)
        shutil.copytree(case.write(run_dir / "made"), folder, dirs_exist_ok=True)
        shutil.rmtree(run_dir / "made")
        return folder

    monkeypatch.setattr(runner, "run", run)
    return cases


def test_a_test_records_such_a_case_once_more_and_keeps_both_records(tmp_path: Path, attempts: list[Any]) -> None:
    attempts += [late_case(), ejection_case()]
    nobody: Any = None
    folder = judged.record("mesh/ejection", None, tmp_path, nobody)
    assert attempts == ["", LATE]
    judged.Judged.of(folder, "test").kept("mesh.ejection")
    with pytest.raises(pytest.fail.Exception, match="was starved"):
        judged.Judged.of(folder / EARLIER, "test").kept("mesh.ejection")


def test_there_is_no_third_attempt(tmp_path: Path, attempts: list[Any]) -> None:
    attempts += [late_case(), late_case(), ejection_case()]
    nobody: Any = None
    folder = judged.record("mesh/ejection", None, tmp_path, nobody)
    assert len(attempts) == 3
    with pytest.raises(pytest.fail.Exception, match="was starved"):
        judged.Judged.of(folder, "test").kept("mesh.ejection")


def test_a_broken_promise_gets_none(tmp_path: Path, attempts: list[Any]) -> None:
    case = ejection_case()
    case.callers["gateway"] = samples([(0.0, 75)])
    attempts += [case, ejection_case()]
    nobody: Any = None
    folder = judged.record("mesh/ejection", None, tmp_path, nobody)
    with pytest.raises(pytest.fail.Exception, match="FAILED"):
        judged.Judged.of(folder, "test").kept("mesh.ejection")
    assert len(attempts) == 2


def test_a_record_is_kept_inside_the_one_that_takes_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "mesh.ejection"
    assert set_aside(folder) == folder
    assert not folder.exists()
    Recorder(folder).describe(case="mesh.ejection")
    set_aside(folder)
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == [
        record.EARLIER,
        f"{record.EARLIER}/case.json",
    ]
    assert folder.stat().st_mode & 0o777 == 0o700
