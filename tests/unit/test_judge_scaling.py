"""Autoscaling: a good record, each way to be bad, and both sides of the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome
from tests.unit.records import known
from tests.unit.records_scaling import LEAST, SEEN, autoscaling

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE
COLLECTOR, QUERY = LEAST


def test_the_slower_tier_is_the_figure(tmp_path: Path) -> None:
    verdict = autoscaling().judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi) == (PASSED, 55)
    assert "tier jaeger-query; at most there were 5 jaeger-collector, 3 jaeger-query" in verdict.reason
    assert verdict.extra == {"ready_after_s": {COLLECTOR: 40, QUERY: 55}, "most": {COLLECTOR: 5, QUERY: 3}}


@pytest.mark.parametrize(("after_s", "outcome"), [(120, PASSED), (120.2, FAILED), (129, FAILED)])
def test_two_minutes_are_allowed_from_the_start_of_its_own_load(tmp_path: Path, after_s: float, outcome: Any) -> None:
    verdict = autoscaling({QUERY: [(-5, 2), (70 + after_s, 3), (290, 2)]}, held_s=130).judge(tmp_path)
    assert verdict.outcome is outcome
    assert known(verdict).hi == pytest.approx(after_s)


def test_a_tier_that_never_grows_has_no_end(tmp_path: Path) -> None:
    verdict = autoscaling({QUERY: SEEN[QUERY][:1]}, held_s=130).judge(tmp_path)
    assert (verdict.outcome, known(verdict).ended) == (FAILED, False)
    assert "tier jaeger-query" in verdict.reason
    assert verdict.extra["ready_after_s"] == {COLLECTOR: 40, QUERY: None}


@pytest.mark.parametrize("tier", LEAST)
def test_a_load_that_was_too_short_to_tell_is_not_a_failure(tmp_path: Path, tier: str) -> None:
    assert autoscaling({tier: SEEN[tier][:1]}, held_s=110).judge(tmp_path).outcome is INCONCLUSIVE


@pytest.mark.parametrize(("late_s", "ended"), [(130.1, True), (131, False)])
def test_what_comes_after_its_load_is_not_of_it(tmp_path: Path, late_s: float, ended: Any) -> None:
    verdict = autoscaling({QUERY: [(-5, 2), (70 + late_s, 3), (290, 2)]}, held_s=130).judge(tmp_path)
    assert (verdict.outcome, known(verdict).ended) == (FAILED, ended)


@pytest.mark.parametrize("tier", LEAST)
def test_what_only_grows_is_no_autoscaling(tmp_path: Path, tier: str) -> None:
    verdict = autoscaling({tier: SEEN[tier][:-1]}).judge(tmp_path)
    more, least = SEEN[tier][-2][1], LEAST[tier]
    assert verdict.outcome is FAILED
    assert f"{more} pods of tier {tier} are left of the load, and {least} are the least" in verdict.reason
    assert "stabilizationWindowSeconds" in str(verdict.fix)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"loaded": [COLLECTOR]}, "there was no load on jaeger-query"),
        ({"seen": {QUERY: [(-5, 3), (125, 4), (230, 2)]}}, "tier jaeger-query had 3 pods ready before the load, and 2"),
        ({"seen": {QUERY: [(69, 3), (125, 4), (230, 2)]}}, "tier jaeger-query had 3 pods ready before the load, and 2"),
        ({"seen": {QUERY: [(-5, 1), (125, 3), (230, 2)]}}, "tier jaeger-query had 1 pods ready before the load"),
        ({"seen": {QUERY: [(75, 2), (125, 3), (230, 2)]}}, "tier jaeger-query was not watched before"),
    ],
)
def test_what_proves_nothing(tmp_path: Path, changes: Any, reason: str) -> None:
    verdict = autoscaling(**changes).judge(tmp_path)
    assert (verdict.outcome, reason in verdict.reason) == (INCONCLUSIVE, True), verdict.reason
