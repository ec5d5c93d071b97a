"""What two proxies add: a difference with its interval, over windows that both kinds of calls share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome
from tests.unit.records import T0, Case, known
from tests.unit.records_latency import latency

if TYPE_CHECKING:
    from pathlib import Path

FAILED, INCONCLUSIVE, PASSED = Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.PASSED


def test_the_difference_of_the_99th_percentiles_is_the_figure(tmp_path: Path) -> None:
    verdict = latency().judge(tmp_path)
    assert verdict.outcome is PASSED, verdict.reason
    figure = known(verdict)
    assert figure.at == pytest.approx(4, abs=0.01)  # what slows both kinds at once is none of it
    assert figure.lo <= 4.01
    assert verdict.extra["windows_ms"] == [pytest.approx(4, abs=0.01)] * 3
    assert "3 windows: 4.0, 4.0, 4.0 ms" in verdict.reason


@pytest.mark.parametrize(("slow_ms", "outcome"), [(14.5, PASSED), (15.5, FAILED), (30, FAILED)])
def test_both_sides_of_the_limit(tmp_path: Path, slow_ms: float, outcome: Outcome) -> None:
    verdict = latency(meshed=(slow_ms, 4), moment_ms=0).judge(tmp_path)
    assert verdict.outcome is outcome, verdict.reason
    assert known(verdict).at == pytest.approx(slow_ms - 5, abs=0.01)


def test_a_server_that_is_slow_for_everybody_is_no_failure_of_the_mesh(tmp_path: Path) -> None:
    assert latency(meshed=(84, 80), bare=(80, 78)).judge(tmp_path).outcome is PASSED


def noisy() -> Case:
    """The slow ones in the mesh are as slow as the limit, some less and some more."""
    case = latency(moment_ms=0)
    for number, sample in enumerate(case.callers["meshed"]):
        if number % 20 == 7:
            sample["done"] = sample["sent"] + (0.006 + 0.010 * (number % 7) / 6)
    return case


def short() -> Case:
    case = latency()
    next(each for each in case.events if each["kind"] == "fault.ended").update(lo=T0 + 89, hi=T0 + 89.2)
    return case


def failing() -> Case:
    case = latency()
    case.callers["bare"][100]["status"] = 503
    return case


def thin() -> Case:
    case = latency()
    case.callers["bare"] = case.callers["bare"][::2]
    return case


def starved() -> Case:
    case = latency(meshed=(30, 4))
    case.events.append({"kind": "pressure", "t": T0 + 30, "cpu_some_avg10": 51.0})
    return case


def late() -> Case:
    case = latency(meshed=(30, 4))
    for sample in case.callers["meshed"]:
        sample["sent"] += 0.3
        sample["done"] += 0.3
    return case


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (noisy(), "cannot be told from 10 ms"),
        (short(), "2 windows of 30 s, 3 are needed"),
        (failing(), "1 calls of bare failed"),
        (thin(), "calls of a kind in one window, 500 are needed"),
        (starved(), "the machine was short of CPU"),
        (late(), "caller meshed was starved"),
    ],
    ids=["noisy", "short", "failing", "thin", "starved", "late"],
)
def test_what_proves_nothing_is_inconclusive_and_never_failed(tmp_path: Path, case: Case, words: str) -> None:
    verdict = case.judge(tmp_path)
    assert (verdict.outcome, words in verdict.reason) == (INCONCLUSIVE, True), verdict.reason


def test_the_same_record_gives_the_same_interval(tmp_path: Path) -> None:
    one, other = (known(latency().judge(tmp_path / name)) for name in ("a", "b"))
    assert one == other


def test_a_failed_call_after_the_measurement_does_not_matter(tmp_path: Path) -> None:
    case: Any = latency()
    case.callers["bare"].append({"i": 9999, "due": T0 + 97, "sent": T0 + 97, "done": T0 + 97, "status": 503})
    assert case.judge(tmp_path).outcome is PASSED
