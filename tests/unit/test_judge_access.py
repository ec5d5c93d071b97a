"""Who was let in, and who was let out: a violation counts once, and a refusal counts only where others were served."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome
from tests.unit.records import T0, Case, known
from tests.unit.records_access import API, APP, authorization, egress

if TYPE_CHECKING:
    from pathlib import Path

FAILED, INCONCLUSIVE, PASSED = Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.PASSED


def changed(case: Case, where: dict[str, Any], **change: Any) -> Case:
    """The case with other fields in every line of the matrix that fits."""
    fit = [each for each in case.events if where.items() <= each.items()]
    assert fit
    for each in fit:
        each.update(change)
    return case


def without(case: Case, **where: Any) -> Case:
    case.events = [each for each in case.events if not where.items() <= each.items()]
    return case


@pytest.mark.parametrize("case", [authorization, egress])
def test_everybody_answered_as_expected_passes(tmp_path: Path, case: Any) -> None:
    verdict = case().judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi) == (PASSED, 0), verdict.reason
    assert "were refused" in verdict.reason


@pytest.mark.parametrize(
    ("where", "counts", "words"),
    [
        ({"caller": "shop/api"}, {"refused": 8, "allowed": 1}, "shop/api GET / shop/app:8080 was let through 1 of 9"),
        ({"call": "DELETE /", "target": APP}, {"refused": 0, "allowed": 9}, "DELETE / shop/app:8080 was let through 9"),
        ({"caller": "shop/app", "call": "GET /"}, {"refused": 1, "allowed": 8}, "shop/app GET / .* was refused 1 of 9"),
        ({"target": API, "expected": "allowed"}, {"refused": 9, "allowed": 0}, "was refused 9 of 9"),
    ],
    ids=["a stranger, once", "another method", "one who may, once", "nobody is served"],
)
def test_each_wrong_answer_is_a_violation(tmp_path: Path, where: Any, counts: Any, words: str) -> None:
    verdict = changed(authorization(), where, **counts).judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi) == (FAILED, 1), verdict.reason
    assert re.search(words, verdict.reason), verdict.reason


def test_violations_are_counted_once_for_each_caller_call_and_port(tmp_path: Path) -> None:
    case = changed(authorization(), {"expected": "refused"}, refused=0, allowed=9)
    case.events += [{**each, "lo": T0 + 4, "hi": T0 + 4} for each in case.events if each.get("expected") == "refused"]
    assert known(case.judge(tmp_path)).hi == 4


BEFORE, AFTER = T0 + 1, T0 + 5
UNSEEN = {
    "no coverage": (without(authorization(), kind="coverage"), "does not say who must be tried"),
    "one line": (without(authorization(), caller="shop/worker"), "shop/worker GET / shop/api:8080 was not tried"),
    "no refusal": (without(authorization(), expected="refused"), "was not tried"),
    "one call": (
        changed(authorization(), {"caller": "shop/api"}, refused=8, unanswered=1, detail="0: timed out"),
        "1 of 9 calls told neither (0: timed out)",
    ),
    "no call": (changed(authorization(), {"caller": "shop/api"}, refused=0), "none of 0 calls told neither"),
    "down at first": (
        changed(authorization(), {"target": APP, "expected": "allowed", "lo": BEFORE}, unanswered=9, allowed=0),
        "told neither",
    ),
    "before": (
        without(authorization(), target=APP, expected="allowed", lo=BEFORE),
        "shop/app:8080 was not seen to serve anybody before",
    ),
    "after": (
        without(authorization(), target=APP, expected="allowed", lo=AFTER),
        "shop/app:8080 was not seen to serve anybody after",
    ),
    "long before": (
        changed(authorization(), {"target": API, "lo": BEFORE}, lo=T0 - 62, hi=T0 - 58),
        "serve anybody before",
    ),
    "long after": (changed(authorization(), {"target": API, "lo": AFTER}, lo=T0 + 64.1, hi=T0 + 65), "anybody after"),
    "no witness": (
        without(egress(), caller="callers/outsider", lo=AFTER),
        "outside/payments:443 was not seen to serve",
    ),
}


@pytest.mark.parametrize(("case", "words"), UNSEEN.values(), ids=UNSEEN)
def test_what_was_not_seen_is_no_refusal(tmp_path: Path, case: Case, words: str) -> None:
    verdict = case.judge(tmp_path)
    assert (verdict.outcome, words in verdict.reason) == (INCONCLUSIVE, True), verdict.reason


def test_nobody_refused_proves_nothing(tmp_path: Path) -> None:
    case = without(authorization(), expected="refused")
    coverage = next(each for each in case.events if each["kind"] == "coverage")
    coverage["expected"] = [name for name in coverage["expected"] if "DELETE" not in name and "shop/api G" not in name]
    coverage["expected"] = [name for name in coverage["expected"] if "worker" not in name]
    verdict = case.judge(tmp_path)
    assert (verdict.outcome, "nobody was refused" in verdict.reason) == (INCONCLUSIVE, True), verdict.reason


@pytest.mark.parametrize("lo", [T0 + 4, T0 + 64])
def test_who_is_served_within_the_time_counts(tmp_path: Path, lo: float) -> None:
    assert changed(authorization(), {"lo": T0 + 5}, lo=lo, hi=lo + 1).judge(tmp_path).outcome is PASSED


def test_a_replica_that_cannot_get_out_fails_only_while_the_host_serves_others(tmp_path: Path) -> None:
    where = {"expected": "allowed", "lo": T0 + 3}
    verdict = changed(egress(), where, allowed=0, refused=1).judge(tmp_path / "a")
    assert (verdict.outcome, known(verdict).hi) == (FAILED, 3), verdict.reason
    down = without(changed(egress(), where, allowed=0, refused=1), caller="callers/outsider")
    verdict = down.judge(tmp_path / "b")
    assert (verdict.outcome, "was not seen to serve anybody" in verdict.reason) == (INCONCLUSIVE, True)


def test_a_stranger_that_gets_out_fails_whatever_else_was_seen(tmp_path: Path) -> None:
    case = changed(egress(), {"caller": "callers/caller-a"}, allowed=1, refused=0)
    assert known(without(case, kind="coverage").judge(tmp_path)).hi == 1
