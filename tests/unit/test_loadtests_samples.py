"""Figures from samples: boundaries by hand, the rest by property."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.errors import Problem
from loadtests.samples import (
    Outage,
    Sample,
    longest_gap_s,
    outages,
    percentile,
    read,
    schedule_lag_p99_s,
    success_ratio,
)

HEAD = {"caller": "gateway", "zone": None, "url": "http://a/", "rate_hz": 1, "duration_s": 3, "timeout_s": 1}


def at(second: float, status: int = 200, took_s: float = 0.0) -> Sample:
    return Sample(int(second), second, second, second + took_s, status)


def row(second: float) -> dict[str, object]:
    return {"i": int(second), "due": second, "sent": second, "done": second + 0.1, "status": 200, "error": None}


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("percent", "expected"), [(7, 7), (50, 50), (99, 99), (99.1, 100), (100, 100), (0.5, 1), (1, 1)]
)
def test_percentile_is_the_nearest_rank(percent: float, expected: int) -> None:
    assert percentile(range(1, 101), percent) == expected


def test_percentile_of_one_value_is_that_value() -> None:
    assert percentile([4.2], 99) == 4.2


@pytest.mark.parametrize(("values", "percent"), [([], 99), ([1], 0), ([1], 100.1), ([1], -5)])
def test_percentile_refuses_what_has_no_answer(values: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match="percent"):
        percentile(values, percent)


values = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60)


@given(values, st.floats(min_value=0.001, max_value=100))
def test_percentile_is_a_value_that_enough_values_do_not_exceed_and_no_smaller_one(
    numbers: list[float], percent: float
) -> None:
    found = percentile(numbers, percent)
    assert found in numbers
    assert sum(n <= found for n in numbers) * 100 >= percent * len(numbers) * (1 - 1e-12)
    assert sum(n < found for n in numbers) * 100 < percent * len(numbers) * (1 + 1e-12)


@pytest.mark.parametrize(("status", "ratio"), [(0, 0), (200, 1), (404, 1), (499, 1), (500, 0)])
def test_only_no_answer_and_server_errors_are_failures(status: int, ratio: int) -> None:
    assert at(0, status).ok is bool(ratio)
    assert success_ratio([at(0, status)]) == ratio


def test_nothing_sent_has_no_success_ratio() -> None:
    with pytest.raises(ValueError, match="nothing"):
        success_ratio([])


@pytest.mark.parametrize(
    ("statuses", "gap_s"),
    [
        ([200, 200, 200], 1),
        ([200, 500, 0, 200], 3),
        ([500, 500, 200, 200], 2),  # down before the first success
        ([200, 200, 0, 0, 0], 3),  # down until the end
        ([500, 500, 500], 2),  # never up
        ([200], 0),
        ([], 0),
    ],
)
def test_longest_gap_between_successes(statuses: list[int], gap_s: float) -> None:
    assert longest_gap_s([at(i, status) for i, status in enumerate(statuses)]) == gap_s


def test_a_slow_answer_is_a_gap_although_nothing_failed() -> None:
    assert longest_gap_s([at(0), at(1, took_s=5), at(2, took_s=4)]) == 6


def test_outages_are_unbroken_runs_of_failures() -> None:
    statuses = [200, 500, 0, 200, 404, 503, 200, 0]
    found = outages([at(i, status, took_s=0.5) for i, status in enumerate(statuses)])
    assert found == [Outage(1, 3, 2), Outage(5, 6, 1), Outage(7, 7.5, 1)]


runs = st.lists(st.sampled_from([0, 200, 404, 500]), max_size=40)


@given(runs)
def test_outages_hold_every_failure_and_never_overlap(statuses: list[int]) -> None:
    found = outages([at(i, status) for i, status in enumerate(statuses)])
    assert sum(outage.failures for outage in found) == sum(status in {0, 500} for status in statuses)
    assert all(earlier.end < later.begin for earlier, later in pairwise(found))


@given(runs)
def test_no_outage_is_longer_than_the_gap_around_it(statuses: list[int]) -> None:
    seen = [at(i, status) for i, status in enumerate(statuses)]
    assert all(outage.end - outage.begin <= longest_gap_s(seen) for outage in outages(seen))


def test_schedule_lag_is_how_late_requests_left() -> None:
    late = [Sample(i, i, i + 0.5, i + 1, 200) for i in range(2)]
    assert schedule_lag_p99_s([at(i) for i in range(98)] + late) == 0.5
    assert schedule_lag_p99_s([at(i) for i in range(99)] + late[:1]) == 0


def test_a_finished_file(tmp_path: Path) -> None:
    file = write(tmp_path / "s", HEAD, row(1), row(0), {"end": True, "planned": 2, "sent": 2})
    seen = read(file)
    assert [s.i for s in seen.samples] == [0, 1]  # answers come in any order
    assert seen.complete
    assert (seen.planned, seen.sent, seen.caller, seen.rate_hz) == (2, 2, "gateway", 1)


@pytest.mark.parametrize("torn", ["", '{"i":2,"due":2.0', '{"end":true,"planned":2,"sent":2}'])
def test_a_file_that_is_still_written_is_readable_and_not_complete(tmp_path: Path, torn: str) -> None:
    seen = read(write(tmp_path / "s", HEAD, row(0), row(1), torn))
    assert len(seen.samples) == 2
    assert not seen.complete


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "no header"),
        ([row(0)], "no header"),
        ([HEAD, '{"i":\n', row(1)], "damaged in line 2"),
        ([HEAD, "[]\n"], "damaged in line 2"),
        ([HEAD, {"i": 0}], "not a sample file"),
        ([{"rate_hz": 1}, row(0)], "not a sample file"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, lines: list[object], complaint: str) -> None:
    with pytest.raises(Problem, match=complaint):
        read(write(tmp_path / "s", *lines))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="samples-x cannot be read"):
        read(tmp_path / "samples-x")
