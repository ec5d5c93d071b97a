"""The benchmark judges what it made, and says so in figures."""

from __future__ import annotations

import pytest

from reports import bench


def test_every_generated_case_is_judged_and_passes(capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["judge", "--cases", "4"])
    said = capsys.readouterr().out
    assert "4 cases of 0." in said
    assert "{'passed': 4}" in said
    assert "at most 0.02;" in said


@pytest.mark.parametrize(("name", "bound"), [("JUDGED_S_MAX", 0.0), ("JUDGED_MB_MAX", 1.0)])
def test_out_of_bounds_is_an_exit_code(monkeypatch: pytest.MonkeyPatch, name: str, bound: float) -> None:
    for generous in ("JUDGED_S_MAX", "JUDGED_MB_MAX"):
        monkeypatch.setattr(bench, generous, 1e9)
    assert bench.main(["judge", "--cases", "2"]) == 0
    monkeypatch.setattr(bench, name, bound)
    assert bench.main(["judge", "--cases", "2"]) == 1
