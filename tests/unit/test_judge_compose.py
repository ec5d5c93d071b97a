"""The order of outcomes and the logic of intervals hold for every value, not only for those we thought of."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.judge import compose, decide, margin
from reports.model import Interval, Outcome, figure

OUTCOMES = st.lists(st.sampled_from(Outcome), min_size=1)
FIGURES = st.floats(min_value=-1e6, max_value=1e6)
RELATIONS = st.sampled_from(["<", "<=", ">=", "==", "~"])
INF = math.inf


@st.composite
def intervals(draw: Any, *, ended: bool = True) -> Any:
    lo, hi = sorted((draw(FIGURES), draw(FIGURES)))
    return Interval(lo, hi if ended else INF)


def test_the_order_is_failed_error_inconclusive_passed() -> None:
    order = [Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.PASSED]
    for k, worst in enumerate(order):
        assert all(compose(some) is worst for some in permutations(order[k:]))


def test_nothing_proves_nothing() -> None:
    assert compose([]) is Outcome.INCONCLUSIVE


@given(OUTCOMES, OUTCOMES)
def test_composing_is_the_same_in_parts_and_in_any_order(left: Any, right: Any) -> None:
    assert compose([compose(left), compose(right)]) is compose(right + left)


@given(OUTCOMES)
def test_a_pass_needs_every_part_to_pass(some: Any) -> None:
    assert (compose(some) is Outcome.PASSED) is all(outcome is Outcome.PASSED for outcome in some)


@given(OUTCOMES, st.sampled_from(Outcome))
def test_one_more_outcome_never_improves(some: Any, other: Any) -> None:
    assert compose([*some, other]) in {compose(some), other}


@pytest.mark.parametrize(
    ("relation", "lo", "hi", "outcome"),
    [
        ("<", 0, 59.999, "passed"),
        ("<", 0, 60, "failed"),
        ("<", 59, INF, "inconclusive"),
        ("<", 60, INF, "failed"),
        ("<=", 0, 60, "passed"),
        ("<=", 60, INF, "inconclusive"),
        ("<=", 60.001, INF, "failed"),
        (">=", 60, 70, "passed"),
        (">=", 59.999, 70, "failed"),
        (">=", 60, INF, "passed"),
        (">=", 59, INF, "failed"),
        ("==", 60, 60, "passed"),
        ("==", 59, 60, "failed"),
        ("==", 60, 61, "failed"),
        ("==", 60, INF, "inconclusive"),
        ("==", 61, INF, "failed"),
        ("~", 59, 61, "passed"),
        ("~", 60, 60.1, "passed"),
        ("~", 60.1, 61, "failed"),
        ("~", 58, 59.9, "failed"),
        ("~", 59, INF, "failed"),
    ],
)
def test_the_unfavourable_end_decides(relation: Any, lo: Any, hi: Any, outcome: Any) -> None:
    assert decide(relation, Interval(lo, hi), 60) == outcome


@given(RELATIONS, intervals(), FIGURES)
def test_a_finite_figure_is_always_decided(relation: Any, interval: Any, limit: Any) -> None:
    assert decide(relation, interval, limit) in {Outcome.PASSED, Outcome.FAILED}


@given(st.sampled_from(["<", "<=", "~"]), intervals(ended=False), FIGURES)
def test_what_was_not_seen_to_end_never_keeps_an_upper_limit(relation: Any, interval: Any, limit: Any) -> None:
    assert decide(relation, interval, limit) is not Outcome.PASSED


@given(st.sampled_from(["<", "<=", ">=", "~"]), intervals(), FIGURES)
def test_the_margin_has_the_sign_of_the_verdict(relation: Any, interval: Any, limit: Any) -> None:
    distance = margin(relation, interval, limit)
    assert distance is not None
    if distance > 0:
        assert decide(relation, interval, limit) is Outcome.PASSED
    if distance < 0:
        assert decide(relation, interval, limit) is Outcome.FAILED


def test_the_margin_is_measured_from_the_unfavourable_end() -> None:
    assert margin("<", Interval(1, 20), 60) == 40
    assert margin(">=", Interval(50, 90), 66) == -16
    assert margin("<", Interval(1, INF), 60) is None
    assert margin("~", Interval(58, 65), 60) == 2
    assert margin("~", Interval(61, 65), 60) == -1


@given(st.lists(intervals(), min_size=1))
def test_the_worst_of_several_holds_every_maximum(some: Any) -> None:
    worst = Interval.worst(some)
    assert worst.lo == max(i.lo for i in some)
    assert worst.hi == max(i.hi for i in some)


@pytest.mark.parametrize(("lo", "hi"), [(2, 1), (math.nan, 1), (1, math.nan)])
def test_an_interval_is_not_empty(lo: Any, hi: Any) -> None:
    with pytest.raises(ValueError, match="lo <= hi"):
        Interval(lo, hi)


def test_no_figures_have_no_worst() -> None:
    with pytest.raises(ValueError, match="empty"):
        Interval.worst([])


@pytest.mark.parametrize(
    ("interval", "unit", "text"),
    [
        (Interval(1, 41.23), "s", "41.2 s"),
        (Interval(90, INF), "s", "> 90.0 s"),
        (Interval(3, 3), "violations", "3 violations"),
        (None, "s", "-"),
    ],
)
def test_a_figure_is_read_as_it_is_known(interval: Any, unit: Any, text: Any) -> None:
    assert figure(interval, unit) == text
