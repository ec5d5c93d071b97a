"""The command: finds a run, judges it again, and exits with the gate's code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.__main__ import main
from reports.problem import ReportProblem
from reports.runs import find_run
from tests.unit.records import pdb_case, pdb_events

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path) -> Any:
    folder = tmp_path / "runs" / "20260101-night"
    folder.mkdir(parents=True)
    return folder


def test_the_command_judges_and_exits(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pdb_case(pdb_events(app=[201] * 4)).write(run)
    runs = str(run.parent)
    assert main(["latest", "--runs", runs]) == 1
    assert "ha.pdb" in capsys.readouterr().out
    assert main([str(run)]) == 1
    assert (run / "results.json").exists()


@pytest.mark.parametrize(
    "argv", [["nope"], ["20260101-night"], ["latest", "--targets", "/nope.toml"], [], ["a", "b"], [""]]
)
def test_wrong_use_is_64_and_says_why(run: Path, capsys: pytest.CaptureFixture[str], argv: Any) -> None:
    arguments = [*argv, "--runs", str(run.parent)]
    assert main(arguments) == 64
    shown = capsys.readouterr().err
    assert "fix:" in shown or "usage:" in shown
    if argv == ["nope"]:
        assert "20260101-night" in shown


def test_runs_are_found_by_name_path_and_latest(run: Path) -> None:
    (run.parent / "20260102-night").mkdir()
    (run.parent / "20250101-link").symlink_to(run)
    (run.parent / ".hidden").mkdir()
    assert find_run("latest", run.parent).name == "20260102-night"
    assert find_run("20260101-night", run.parent) == run.resolve()
    assert find_run(str(run), run.parent) == run.resolve()


def test_no_runs_at_all(tmp_path: Path) -> None:
    with pytest.raises(ReportProblem, match="run an experiment first"):
        find_run("latest", tmp_path / "none")
