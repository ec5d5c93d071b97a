"""Prometheus against what was counted elsewhere: each figure on its own, on both sides of the error it may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.judge.statistics.agreement import bucket_of
from reports.model import Interval, Outcome
from tests.unit.records import T0, ZONES, Case, known
from tests.unit.records_agreement import REQUESTS, agreement

if TYPE_CHECKING:
    from pathlib import Path

FAILED, INCONCLUSIVE, PASSED = Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.PASSED
ZONE = ZONES[0]


def scraped(case: Case, moment: str = "last", zone: str = ZONE) -> dict[str, Any]:
    return next(e for e in case.events if e["kind"] == "scrape" and (e["moment"], e["zone"]) == (moment, zone))


def with_figure(name: str, by: float) -> Case:
    case = agreement()
    scraped(case)["figures"][name] += by
    return case


def without(case: Case, **where: Any) -> Case:
    case.events = [each for each in case.events if not where.items() <= each.items()]
    return case


def test_what_agrees_passes(tmp_path: Path) -> None:
    verdict = agreement().judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi) == (PASSED, 0), verdict.reason
    assert len(verdict.extra["compared"]) == 20
    assert "each of 20 figures agrees" in verdict.reason


@pytest.mark.parametrize(
    ("name", "by", "differ"),
    [
        ("attempts", 3, []),  # one in a hundred of 372
        ("attempts", 4, [f"{ZONE} requests"]),
        ("attempts", -3, []),
        ("attempts", -4, [f"{ZONE} requests"]),
        ("errors", 1, [f"{ZONE} errors"]),
        ("errors", -1, [f"{ZONE} errors"]),
        ("ejections", 1, [f"{ZONE} ejections"]),
        ("ejections", -1, [f"{ZONE} ejections"]),
        ("retries", 1, ["retries"]),
        ("retries", -1, ["retries"]),
        ("retry_successes", -1, ["retry_successes"]),
    ],
)
def test_each_count_that_differs_is_named(tmp_path: Path, name: str, by: int, differ: list[str]) -> None:
    verdict = with_figure(name, by).judge(tmp_path)
    assert sorted(verdict.extra["differ"]) == differ
    assert (verdict.outcome, known(verdict).hi) == (FAILED if differ else PASSED, len(differ))
    assert REQUESTS == 372


@pytest.mark.parametrize(
    ("took_s", "differ"),
    [
        (0.0095, []),  # below its bucket (10 to 25 ms) by what Envoy rounds
        (0.0085, ["p50", "p95", "p99"]),
        (0.049, []),
        (0.051, ["p50"]),
        (0.074, ["p50"]),
        (0.076, ["p50", "p95"]),
        (0.124, ["p50", "p95"]),
        (0.126, ["p50", "p95", "p99"]),
    ],
)
def test_a_quantile_may_lie_above_its_bucket_by_the_error_alone(tmp_path: Path, took_s: float, differ: Any) -> None:
    case = agreement()
    for caller in (ZONE, f"seeks-{ZONE}"):
        for sample in case.callers[caller]:
            sample["done"] = sample["sent"] + took_s
    verdict = case.judge(tmp_path / "free")
    assert sorted(verdict.extra["differ"]) == [f"{ZONE} {name}" for name in differ]
    case.events.append({"kind": "pressure", "t": T0 + 40, "cpu_some_avg10": 51.0})
    starved = case.judge(tmp_path / "starved")
    assert starved.outcome is (INCONCLUSIVE if differ else PASSED)
    assert starved.extra.get("starved", False) is bool(differ)


def test_an_error_where_envoy_counts_none_is_no_sample(tmp_path: Path) -> None:
    case = agreement()
    del scraped(case)["figures"]["errors"]
    verdict = case.judge(tmp_path)
    assert (verdict.outcome, verdict.extra["differ"]) == (FAILED, {f"{ZONE} errors": "no sample"})


def test_no_error_where_envoy_counts_none_agrees(tmp_path: Path) -> None:
    case = agreement()
    del scraped(case)["figures"]["errors"]
    scraped(case)["figures"] |= {"retries": 3, "retry_successes": 3, "attempts": 1000 + REQUESTS + 3}
    for sample in case.callers[f"seeks-{ZONE}"]:
        sample["status"] = 200
    assert case.judge(tmp_path).outcome is PASSED


@pytest.mark.parametrize("moment", ["first", "last"])
def test_a_proxy_without_a_scrape_has_no_sample_of_anything(tmp_path: Path, moment: str) -> None:
    case = agreement()
    event = scraped(case, moment)
    event |= {"figures": {}, "buckets": {}, "lo": None, "hi": None}
    verdict = case.judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi) == (FAILED, 8), verdict.reason
    assert set(verdict.extra["differ"].values()) == {"no sample"}


def test_a_mesh_that_is_not_scraped_has_no_sample_of_anything(tmp_path: Path) -> None:
    case = agreement()
    for each in case.events:
        if each["kind"] == "scrape":
            each |= {"figures": {}, "buckets": {}, "lo": None, "hi": None}
    verdict = case.judge(tmp_path)
    assert (verdict.outcome, known(verdict).hi) == (FAILED, 20), verdict.reason
    assert set(verdict.extra["differ"].values()) == {"no sample"}


def proof(case: Case, count: int) -> Case:
    next(each for each in case.events if each["kind"] == "fault.proof")["observed"] = {"faulted_total": count}
    return case


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (without(agreement(), kind="scrape", zone=ZONE, moment="last"), "nobody asked Prometheus for the last scrape"),
        (without(agreement(), kind="scrape", zone=ZONE, moment="first"), "for the first scrape"),
        (without(agreement(), kind="ejection"), "there were no ejections"),
        (proof(agreement(), 6), "there were no retries"),
    ],
)
def test_what_was_not_there_to_compare_is_inconclusive(tmp_path: Path, case: Case, words: str) -> None:
    verdict = case.judge(tmp_path)
    assert (verdict.outcome, words in verdict.reason) == (INCONCLUSIVE, True), verdict.reason


def test_errors_that_nobody_saw_are_no_errors(tmp_path: Path) -> None:
    case = agreement()
    for zone in ZONES:
        for sample in case.callers[f"seeks-{zone}"]:
            sample["status"] = 404
    assert "there were no errors" in case.judge(tmp_path).reason


def test_too_few_requests_are_inconclusive(tmp_path: Path) -> None:
    case = agreement()
    for event in case.events:
        if event["kind"] == "scrape" and event["moment"] == "first":
            event |= {"lo": T0 + 50, "hi": T0 + 50}
    assert "480 requests between the scrapes, 500 are needed" in case.judge(tmp_path).reason


def test_a_scrape_before_the_last_request_is_inconclusive(tmp_path: Path) -> None:
    case = agreement()
    scraped(case).update(lo=T0 + 80, hi=T0 + 80)
    assert "came before its last request was over" in case.judge(tmp_path).reason


def test_counters_that_went_back_are_inconclusive(tmp_path: Path) -> None:
    assert "was started anew" in with_figure("attempts", -900).judge(tmp_path).reason


def test_a_request_without_an_answer_may_have_been_counted_or_not(tmp_path: Path) -> None:
    case = agreement()
    case.callers[f"seeks-{ZONE}"][60] |= {"status": 0}
    for number, by in enumerate((0, 1)):
        scraped(case)["figures"]["errors"] += by
        assert case.judge(tmp_path / str(number)).outcome is PASSED


def test_a_request_under_way_during_the_first_scrape_is_on_either_side(tmp_path: Path) -> None:
    case = agreement()
    scraped(case, "first").update(lo=T0 - 3.5, hi=T0 - 2.5)
    assert case.judge(tmp_path).outcome is PASSED


BUCKETS = {"5": 10.0, "10": 60.0, "25": 100.0, "+Inf": 100.0}


@pytest.mark.parametrize(
    ("buckets", "share", "found"),
    [
        (BUCKETS, 0.1, Interval(0, 5)),
        (BUCKETS, 0.11, Interval(5, 10)),
        (BUCKETS, 0.6, Interval(5, 10)),
        (BUCKETS, 0.61, Interval(10, 25)),
        (BUCKETS | {"+Inf": 200.0}, 0.99, Interval(25, float("inf"))),
        ({"5": 0.0, "+Inf": 0.0}, 0.5, None),
        ({}, 0.5, None),
    ],
)
def test_the_bucket_of_a_quantile(buckets: Any, share: float, found: Interval | None) -> None:
    assert bucket_of(buckets, share) == found
