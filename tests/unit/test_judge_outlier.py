"""How many errors eject, and how long an ejection lasts: each at its boundary, and with what is not enough to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome
from tests.unit.records import T0
from tests.unit.records_ejection import asked, held, hold, threshold, trial

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


def survived(errors: int, at_s: float = 0) -> list[dict[str, Any]]:
    return [*trial(at_s, errors, ejected=False), asked(at_s + 6, at_s + 6.5, served=9)]


@pytest.mark.parametrize(
    ("least", "most", "outcome"),
    [
        (2, 3, PASSED),
        (1, 2, FAILED),  # two eject
        (3, 4, FAILED),  # it takes four
        (1, 3, INCONCLUSIVE),  # whether two do, nobody tried
        (2, 4, INCONCLUSIVE),
        (3, 3, INCONCLUSIVE),
        (4, 3, INCONCLUSIVE),
    ],
)
def test_the_number_lies_between_what_did_not_eject_and_what_did(
    tmp_path: Path, least: int, most: int, outcome: Any
) -> None:
    assert threshold(survived(least), trial(10, most, ejected=True)).judge(tmp_path).outcome is outcome


@pytest.mark.parametrize(("errors", "outcome"), [(2, INCONCLUSIVE), (3, FAILED)])
def test_where_nobody_is_ejected_the_most_errors_decide(tmp_path: Path, errors: int, outcome: Any) -> None:
    assert threshold(survived(1), survived(errors, 10)).judge(tmp_path).outcome is outcome


def test_errors_after_those_that_should_have_ejected_show_that_it_is_still_called(tmp_path: Path) -> None:
    verdict = threshold(three=trial(10, 3, ejected=False, further=9)).judge(tmp_path)
    assert (verdict.outcome, "3 in a row did not eject" in verdict.reason) == (FAILED, True)
    assert verdict.fix == "consecutive5xxErrors: 3 in the DestinationRule of the host"


@pytest.mark.parametrize(("further", "outcome"), [(0, INCONCLUSIVE), (10, PASSED)])
def test_thirty_requests_show_that_it_is_not_called(tmp_path: Path, further: int, outcome: Any) -> None:
    """The replica is not among those that answer, so each of the other three answers a third."""
    case = threshold()
    for event in case.events:
        if event["kind"] == "asked" and event["lo"] == T0 + 13:
            event["served"] = {"app-1": 10, "app-2": 10, "app-3": further or 9}
    assert case.judge(tmp_path).outcome is outcome


@pytest.mark.parametrize(
    ("back_s", "outcome"),
    [
        (301.5, FAILED),
        (301.9, PASSED),
        (311.1, PASSED),
        (311.5, FAILED),
    ],  # 0.1 s before its next call; errors until 1.6
)
def test_it_is_back_neither_too_soon_nor_too_late(tmp_path: Path, back_s: float, outcome: Any) -> None:
    verdict = hold(back_s, callers={"us-east-1a": held(back_s)}).judge(tmp_path)
    assert verdict.outcome is outcome, verdict.reason


def test_the_flag_counts_where_the_next_call_came_late(tmp_path: Path) -> None:
    verdict = hold(299.0, callers={"us-east-1a": held(304.0)}).judge(tmp_path)
    assert (verdict.outcome, verdict.extra["flags"]) == (FAILED, {"app-0 by callers/caller-us-east-1a-x": 297.5})


def test_an_ejection_that_was_repeated_counts_from_its_last_error(tmp_path: Path) -> None:
    case = hold(302.0)
    again = [event | {key: event[key] - 0.9 for key in ("t", "lo", "hi")} for event in case.events if "host" in event]
    first = [event for event in again if event["kind"] == "ejection"]
    assert case.judge(tmp_path / "once").measured == hold(302.0, events=[*first, *case.events]).judge(tmp_path).measured
