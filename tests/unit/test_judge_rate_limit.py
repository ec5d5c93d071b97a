"""The rate limit: a good record, each way to be bad, and exactly at its boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome
from tests.unit.records import known
from tests.unit.records_flood import MAY_PASS, calls, case

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("passed", "violations"), [(400, 0), (MAY_PASS, 0), (MAY_PASS + 1, 1), (1200, 1200 - MAY_PASS)]
)
def test_what_passes_beyond_the_limit_is_a_violation(tmp_path: Path, passed: int, violations: int) -> None:
    verdict = case(flood=calls(0, 300, passed)).judge(tmp_path)
    assert verdict.outcome is (FAILED if violations else PASSED), verdict.reason
    assert known(verdict).hi == violations
    told = {"passed": passed, "answered": 1200, "may_pass": MAY_PASS, "refused_below": {"below": 0, "after": 0}}
    assert verdict.extra == told


@pytest.mark.parametrize("name", ["below", "after"])
def test_a_refusal_below_the_limit_is_a_violation(tmp_path: Path, name: str) -> None:
    verdict = case(**{name: calls(-6 if name == "below" else 6, 20, 79)}).judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi) == (FAILED, 1)
    assert "1 were refused below the limit" in verdict.reason


@pytest.mark.parametrize(("rate_hz", "outcome"), [(149, INCONCLUSIVE), (150, PASSED)])
def test_a_flood_must_be_a_fifth_more_than_may_pass(tmp_path: Path, rate_hz: float, outcome: Any) -> None:
    verdict = case(flood=calls(0, rate_hz, 400)).judge(tmp_path)
    assert verdict.outcome is outcome
    if outcome is INCONCLUSIVE:
        assert "596 requests were answered in the flood, and 500 may pass: too few to tell" in verdict.reason


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"below": calls(-6, 12)}, "48 requests of caller below were answered, 50 are needed"),
        ({"after": calls(6, 51)}, "caller after was not well below the limit"),
        ({"after": calls(14.1, 20)}, "nobody within 10 s after it"),
        ({"below": calls(1, 20)}, "nobody called before the flood"),
        ({"after": [row | {"status": 0} for row in calls(6, 20)]}, "0 requests of caller after were answered"),
    ],
)
def test_what_proves_nothing(tmp_path: Path, changed: Any, reason: str) -> None:
    verdict = case(**changed).judge(tmp_path)
    assert verdict.outcome is INCONCLUSIVE, verdict.reason
    assert reason in verdict.reason
    assert verdict.fix


def test_what_follows_within_ten_seconds_shows_the_recovery(tmp_path: Path) -> None:
    assert case(after=calls(13.9, 20)).judge(tmp_path).outcome is PASSED
