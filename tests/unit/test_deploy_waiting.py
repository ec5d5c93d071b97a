"""Waiting: what a failed wait tells, and how long it takes (on a clock that only pauses move)."""

from itertools import count

import pytest

from deploy.errors import Problem, Usage
from deploy.waiting import NotSo, consistently, eventually, pause
from tests.unit.clock import Clock


def test_the_first_value_that_matches_is_returned_without_a_pause(clock: Clock) -> None:
    assert eventually(lambda: 7, lambda value: value == 7, within_s=60, every_s=30, what="seven") == 7
    assert clock.now_s == 0


def test_the_value_is_read_once_even_with_no_time_at_all() -> None:
    with pytest.raises(NotSo) as caught:
        eventually(lambda: 1, lambda value: value == 2, within_s=0, what="two")
    assert caught.value.attempts == 1


def test_a_failed_wait_tells_the_wish_the_last_value_the_last_error_and_the_attempts() -> None:
    numbers = count(1)

    def get() -> int:
        number = next(numbers)
        if number == 3:
            raise ValueError("the third is broken")
        return number

    with pytest.raises(NotSo) as caught:
        eventually(get, lambda value: value > 9, within_s=0.025, every_s=0.01, what="more than nine")
    assert (caught.value.last, caught.value.attempts) == (2, 3)
    for part in ("more than nine", "last value: 2", "last error: ValueError: the third is broken", "3 attempts"):
        assert part in str(caught.value)


def test_an_error_that_went_away_is_not_told() -> None:
    answers = iter([ValueError("early"), 1, 1, 1, 1, 1])

    def get() -> object:
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    with pytest.raises(NotSo, match=r"last value: 1$"):
        eventually(get, lambda value: value == 2, within_s=0.02, every_s=0.01, what="two")


def test_converge_wants_successes_in_a_row() -> None:
    values = iter([True, True, False, True, True, True, False])
    assert eventually(lambda: next(values), bool, within_s=5, every_s=0, what="three in a row", converge=3)
    assert next(values) is False  # six were read


def test_an_error_breaks_the_row() -> None:
    answers = iter([True, None, True, True])

    def get() -> bool:
        if next(answers) is None:
            raise OSError
        return True

    assert eventually(get, bool, within_s=5, every_s=0, what="two in a row", converge=2)
    assert next(answers, "none left") == "none left"


def test_giving_up_never_takes_longer_than_allowed(clock: Clock) -> None:
    with pytest.raises(NotSo) as caught:
        eventually(lambda: 0, bool, within_s=0.2, every_s=0.15, what="one")
    assert clock.now_s == 0.15  # a second pause would have been too long
    assert (caught.value.attempts, caught.value.elapsed_s) == (2, 0.15)


def test_ctrl_c_is_not_an_error_to_wait_through() -> None:
    def get() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        eventually(get, bool, within_s=60, what="nothing")


def test_consistently_fails_at_the_first_miss_and_shows_it() -> None:
    values = iter([1, 1, 5, 1])
    with pytest.raises(NotSo, match=r"staying one did not hold.*3 reads.*value was 5"):
        consistently(lambda: next(values), lambda value: value == 1, for_s=5, every_s=0, what="staying one")
    assert next(values) == 1


def test_consistently_lasts_as_long_as_it_says_and_counts_its_reads(clock: Clock) -> None:
    assert consistently(lambda: 1, bool, for_s=1, every_s=0.25, what="one") == 5
    assert clock.now_s == 1


def test_a_value_that_cannot_be_read_did_not_stay() -> None:
    def get() -> int:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        consistently(get, bool, for_s=5, what="anything")


def test_a_negative_pause_is_none(clock: Clock) -> None:
    pause(-5)
    assert clock.now_s == 0


def test_a_problem_reads_as_what_why_and_fix() -> None:
    problem = Problem("it broke", why="first\nsecond\n", fix="mend it")
    assert str(problem) == "it broke\n  why: first\n       second\n  fix: mend it"
    assert str(Problem("it broke")) == "it broke"
    assert isinstance(Usage("wrong"), Problem)
