"""The connection pool: a good record, each way to be bad, and exactly at its boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome, Verdict
from tests.unit import records_pool
from tests.unit.records import fault, known, samples
from tests.unit.records_pool import DELAY_S, calls, look, looks

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE
SLOW = fault("slow", 20, delay_s=DELAY_S)


def judged(tmp_path: Path, *events: dict[str, Any], burst: Any = None) -> Verdict:
    callers = {"gateway": samples(until_s=30, rate_hz=2), "burst": calls() if burst is None else burst}
    return records_pool.case([*SLOW, *events], callers=callers).judge(tmp_path)


@pytest.mark.parametrize(("most", "outcome"), [(99, PASSED), (100, PASSED), (101, FAILED), (300, FAILED)])
def test_the_most_connections_at_any_look_decide(tmp_path: Path, most: int, outcome: Any) -> None:
    verdict = judged(tmp_path, *looks(most))
    assert verdict.outcome is outcome, verdict.reason
    assert known(verdict).hi == most
    assert set(verdict.extra) == {"connections", "refused"}
    assert max(verdict.extra["connections"].values()) == most
    assert verdict.extra["refused"] == 100


def test_one_look_is_enough_to_break_it(tmp_path: Path) -> None:
    assert judged(tmp_path, *looks(), look(9.1, 101, 100)).outcome is FAILED


def test_more_connections_break_it_although_nothing_was_refused(tmp_path: Path) -> None:
    verdict = judged(tmp_path, *looks(300, overflow=0), burst=[row | {"status": 200} for row in calls()])
    assert verdict.outcome is FAILED


@pytest.mark.parametrize(("after_s", "outcome"), [(2.9, PASSED), (3.0, FAILED)])
def test_what_is_too_much_is_refused_at_once(tmp_path: Path, after_s: float, outcome: Any) -> None:
    verdict = judged(tmp_path, *looks(), burst=calls(refused_s=after_s))
    assert verdict.outcome is outcome
    if outcome is FAILED:
        assert "100 calls were refused, and only after 3 s or more" in verdict.reason


@pytest.mark.parametrize(
    ("events", "burst", "reason"),
    [
        (looks(overflow=0), None, "no call of caller burst was refused and counted"),
        (looks(), [row | {"status": 200} for row in calls()], "no call of caller burst was refused and counted"),
        ([each for each in looks() if each["t"] > 1000], None, "no call of caller burst was refused and counted"),
        (looks(), calls(100), "looked at 0 times while caller burst had more than 100 calls under way"),
        ([look(-1, 4), look(7, 100, 9), look(15, 100, 9)], None, "looked at 1 times"),
        ([], None, "looked at 0 times"),
    ],
)
def test_a_limit_that_was_not_put_to_the_test_proves_nothing(
    tmp_path: Path, events: Any, burst: Any, reason: str
) -> None:
    verdict = judged(tmp_path, *events, burst=burst)
    assert verdict.outcome is INCONCLUSIVE, verdict.reason
    assert reason in verdict.reason
    assert verdict.fix


def test_without_slow_replicas_nothing_is_proven(tmp_path: Path) -> None:
    verdict = records_pool.case([*fault("other", 20), *looks()]).judge(tmp_path)
    assert verdict.outcome is INCONCLUSIVE
    assert (verdict.reason, verdict.fix) == ("no fault made replicas slow", "slow_replicas")
