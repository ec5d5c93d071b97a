"""The benchmark judges what it made, and says so in figures."""

from __future__ import annotations

import pytest

from reports.bench import judging
from reports.bench.__main__ import main as bench


def test_every_generated_case_is_judged_and_passes(capsys: pytest.CaptureFixture[str]) -> None:
    bench(["judge", "--cases", "4"])
    said = capsys.readouterr().out
    assert "4 cases of" in said
    assert "{'passed': 4}" in said
    assert "at most 0.02 s" in said


@pytest.mark.parametrize(("name", "bound"), [("SECONDS_MAX", 0.0), ("MIB_MAX", 1.0)])
def test_out_of_bounds_is_an_exit_code(monkeypatch: pytest.MonkeyPatch, name: str, bound: float) -> None:
    for generous in ("SECONDS_MAX", "MIB_MAX"):
        monkeypatch.setattr(judging, generous, 1e9)
    assert bench(["judge", "--cases", "2"]) == 0
    monkeypatch.setattr(judging, name, bound)
    assert bench(["judge", "--cases", "2"]) == 1
