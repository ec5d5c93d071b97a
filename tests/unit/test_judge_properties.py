"""What holds of the judge whatever it is given: intervals, limits, binomial bounds, and records that lack something."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.judge import decide, judge_case, margin
from reports.judge.binomial import share_percent, told_apart
from reports.judge.faults import FaultWindow
from reports.judge.registry import Inconclusive
from reports.model import Interval, Outcome, Verdict
from reports.reader import read_case
from reports.targets import load_targets
from tests.corpus.bases import BUILT, base

TARGETS = load_targets()
MOMENTS = st.floats(min_value=0, max_value=1e5)
FIGURES = st.floats(min_value=-1e6, max_value=1e6)
RELATIONS = st.sampled_from(["<", "<=", ">="])
WORSE = [Outcome.PASSED, Outcome.INCONCLUSIVE, Outcome.FAILED]


@st.composite
def intervals(draw: Any) -> Interval:
    lo, hi = sorted((draw(MOMENTS), draw(MOMENTS)))
    return Interval(lo, draw(st.sampled_from([hi, math.inf])))


@given(RELATIONS, intervals(), FIGURES, FIGURES)
def test_a_kinder_limit_never_makes_it_worse(relation: Any, figure: Interval, one: float, other: float) -> None:
    strict, kind = sorted((one, other), reverse=relation == ">=")
    assert WORSE.index(decide(relation, figure, kind)) <= WORSE.index(decide(relation, figure, strict))
    left, more = margin(relation, figure, strict), margin(relation, figure, kind)
    assert (left is None) is (more is None)
    assert left is None or more is None or left <= more


@given(RELATIONS, intervals(), FIGURES, st.floats(min_value=0, max_value=1e3))
def test_a_vaguer_figure_never_makes_it_better(relation: Any, figure: Interval, limit: float, wider: float) -> None:
    vague = Interval(figure.lo - wider, figure.hi + wider)
    if decide(relation, figure, limit) is not Outcome.PASSED:
        assert decide(relation, vague, limit) is not Outcome.PASSED


@given(st.lists(MOMENTS, min_size=6, max_size=6), MOMENTS)
def test_the_time_since_a_fault_is_in_its_interval_wherever_both_really_were(raw: list[float], held: float) -> None:
    began, start, confirmed = sorted(raw[:3])
    lo, moment, hi = sorted(raw[3:])
    window = FaultWindow("f", Interval(began, confirmed), Interval(confirmed + held, confirmed + held), {})
    since = window.since(lo, hi)
    assert 0 <= since.lo <= max(0.0, moment - start) <= since.hi
    assert window.unended_since(lo) == Interval(since.lo, math.inf)
    assert window.held_s == pytest.approx(held, abs=1e-9)


@given(st.lists(st.tuples(MOMENTS, MOMENTS, MOMENTS).map(sorted), min_size=1))
def test_the_worst_is_in_the_worst_interval(figures: list[list[float]]) -> None:
    worst = Interval.worst(Interval(lo, hi) for lo, _, hi in figures)
    assert worst.holds(max(true for _, true, _ in figures))


@settings(max_examples=40)
@given(st.integers(1, 60), st.integers(0, 100), st.sampled_from([0.001, 0.01, 0.05, 0.2]))
def test_the_interval_leaves_the_true_share_out_no_oftener_than_stated(
    n: int, percent: int, false_alarm: float
) -> None:
    share = Fraction(percent, 100)
    chance = [math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
    left_out = sum(p for k, p in enumerate(chance) if not share_percent(k, n, false_alarm).holds(percent))
    assert left_out <= false_alarm + 1e-9


@given(st.integers(1, 3000), st.data(), st.sampled_from([0.001, 0.05]))
def test_the_interval_grows_with_what_was_seen(n: int, data: Any, false_alarm: float) -> None:
    k = data.draw(st.integers(0, n - 1))
    few, more = share_percent(k, n, false_alarm), share_percent(k + 1, n, false_alarm)
    assert 0 <= few.lo <= more.lo <= 100
    assert 0 <= few.hi <= more.hi <= 100
    assert few.at == pytest.approx(100 * k / n)
    assert few.holds(100 * k / n)
    rarer = share_percent(k, n + 1, false_alarm)
    assert (rarer.lo <= few.lo, rarer.hi <= few.hi) == (True, True)
    surer = share_percent(k, n, false_alarm / 2)
    assert surer.lo <= few.lo <= few.hi <= surer.hi


def test_nothing_seen_of_nothing_is_no_share() -> None:
    with pytest.raises(Inconclusive, match="no request was answered"):
        share_percent(0, 0, 0.05)
    assert not told_apart(0, 10, 5, 0.001)


@pytest.mark.parametrize(
    ("k", "n", "lo", "hi"),
    # The rule of three, exactly: 2995 requests without a failure prove 99.9 % (research/mission.md, 4.6).
    [(0, 2995, 0, 0.1), (0, 29956, 0, 0.01), (2995, 2995, 99.9, 100)],
)
def test_bounds_that_are_known(k: int, n: int, lo: float, hi: float) -> None:
    found = share_percent(k, n, 0.1)  # one tail of 5 %
    assert found.lo == pytest.approx(lo, abs=1e-4)
    assert found.hi == pytest.approx(hi, abs=1e-4)


@settings(max_examples=40)
@given(st.integers(1, 400), st.integers(1, 99), st.integers(1, 99))
def test_what_is_told_apart_is_told_by_the_interval(n: int, percent: int, other: int) -> None:
    """The chance of passing for one share when it is another, summed over the counts whose interval holds the one."""
    share = other / 100
    chance = sum(
        math.comb(n, k) * share**k * (1 - share) ** (n - k)
        for k in range(n + 1)
        if share_percent(k, n, 0.001).holds(percent)
    )
    if abs(chance - 0.01) > 1e-9:
        assert told_apart(n, percent, other, 0.001) is (chance <= 0.01)
    assert not told_apart(n, percent, percent, 0.001)


EVENTS_MAX = 60
SMALL = sorted(set(BUILT) - {"disaster_recovery.volume_loss", "high_availability.zone_outage_long"})


def judged(name: str, files: dict[str, bytes]) -> dict[str, Verdict]:
    with TemporaryDirectory() as run:
        folder = Path(run) / name
        folder.mkdir()
        for file, content in files.items():
            (folder / file).write_bytes(content)
        return {verdict.target: verdict for verdict in judge_case(read_case(folder), TARGETS)}


@cache
def whole(name: str) -> dict[str, Verdict]:
    return judged(name, base(name))


def assert_not_better(name: str, files: dict[str, bytes]) -> None:
    for target, verdict in judged(name, files).items():
        before = whole(name)[target]
        assert before.outcome is Outcome.PASSED
        assert "the judge failed" not in verdict.reason
        if verdict.outcome is Outcome.PASSED:
            assert verdict.margin is not None
            assert before.margin is not None
            assert verdict.margin <= before.margin + 1e-6, verdict.reason


RECORDS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("name", SMALL)
def test_a_record_without_one_event_is_never_better(name: str) -> None:
    """Each in turn; of a long record, so many that lie evenly in it."""
    lines = base(name)["events.ndjson"].splitlines(keepends=True)
    # The first of several ejections begins the alert's figure, and nothing shows that there was an earlier one.
    without = [k for k, line in enumerate(lines) if name != "alerts.circuit_breaker" or b'"ejection"' not in line]
    for gone in without[:: math.ceil(len(without) / EVENTS_MAX)]:
        print("without", lines[gone])
        assert_not_better(name, base(name) | {"events.ndjson": b"".join(lines[:gone] + lines[gone + 1 :])})


@pytest.mark.parametrize(("name", "gone"), [(name, file) for name in SMALL for file in sorted(base(name))])
def test_a_record_without_one_file_is_never_better(name: str, gone: str) -> None:
    assert_not_better(name, {file: content for file, content in base(name).items() if file != gone})


@RECORDS
@given(st.sampled_from(SMALL), st.data())
def test_a_record_with_one_torn_line_is_never_better_and_never_crashes_the_judge(name: str, data: Any) -> None:
    file = data.draw(st.sampled_from(sorted(base(name))))
    lines = base(name)[file].splitlines(keepends=True)
    torn = data.draw(st.integers(0, len(lines) - 1))
    lines[torn] = lines[torn][: data.draw(st.integers(0, len(lines[torn]) - 1))] + b"\n"
    assert_not_better(name, base(name) | {file: b"".join(lines)})
