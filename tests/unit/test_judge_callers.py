"""Callers, users and machine must have been fit to see what they were to see."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from reports.judge import judge_case, preconditions
from reports.judge.registry import STATISTICS
from reports.model import Outcome
from reports.reader import read_case
from reports.targets import load_targets
from tests.unit.records import T0, ejection_case, pdb_case, samples, zone_case

if TYPE_CHECKING:
    from pathlib import Path


def test_a_caller_that_must_be_there_is_missed(tmp_path: Path) -> None:
    case = ejection_case()
    del case.callers["us-east-1c"]
    assert case.judge(tmp_path).reason == "caller us-east-1c left no samples"


def test_no_caller_at_all_is_inconclusive(tmp_path: Path) -> None:
    verdict = ejection_case(callers={}).judge(tmp_path)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "no caller left samples" in verdict.extra["also"]


def test_a_caller_without_its_end_line_is_inconclusive(tmp_path: Path) -> None:
    verdict = ejection_case(ends={"gateway": None}).judge(tmp_path)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "gateway did not finish" in verdict.reason


@pytest.mark.parametrize(
    ("planned", "outcome"), [(1000, Outcome.PASSED), (1001, Outcome.INCONCLUSIVE), (0, Outcome.INCONCLUSIVE)]
)
def test_a_caller_must_send_95_percent_of_its_plan(tmp_path: Path, planned: Any, outcome: Any) -> None:
    rows = samples([(0.2, 3)], until_s=85, rate_hz=10)[:950]
    case = ejection_case(ends={"gateway": {"end": True, "planned": planned, "sent": 950}})
    case.callers["gateway"] = rows
    case.events = [{**e, "lo": T0 + 80, "hi": T0 + 80.1} if e["kind"] == "fault.ended" else e for e in case.events]
    assert case.judge(tmp_path).outcome is outcome


def test_missing_sample_lines_are_inconclusive(tmp_path: Path) -> None:
    rows = len(samples())
    verdict = ejection_case(ends={"gateway": {"end": True, "planned": rows, "sent": rows + 1}}).judge(tmp_path)
    assert verdict.reason == "1 samples of caller gateway are missing"


@pytest.mark.parametrize(
    ("target", "lag_s", "starved"),
    [
        ("mesh.ejection", 0.6, False),
        ("mesh.ejection", 0.6001, True),
        ("ha.failover_traffic", 3.0, False),
        ("ha.failover_traffic", 3.0001, True),
        ("ha.pdb", 0.25, False),
        ("ha.pdb", 0.2501, True),
    ],
)
def test_a_caller_may_lag_a_hundredth_of_a_limit_in_seconds_else_250_ms(
    tmp_path: Path, target: str, lag_s: float, starved: Any
) -> None:
    case = ejection_case()
    case.callers["gateway"] = [{**row, "due": 0.0, "sent": lag_s} for row in samples([(0.2, 3)])]
    record = read_case(case.write(tmp_path))
    (caller,) = [c for c in record.callers if c.name == "gateway"]
    found = list(preconditions._starved(caller, preconditions.lag_allowed_s(load_targets()[target])))
    assert bool(found) is starved, found


def test_lag_is_the_nearest_rank_99th_percentile(tmp_path: Path) -> None:
    case = ejection_case()
    late = samples()[:100]
    late[99]["sent"] += 9
    late[99]["done"] += 9
    late[98] |= {"sent": late[98]["due"] + 0.7, "done": late[98]["due"] + 0.8}
    case.callers["gateway"] = late
    caller = read_case(case.write(tmp_path)).callers[0]
    assert list(preconditions._starved(caller, 0.71)) == []
    (finding,) = preconditions._starved(caller, 0.69)
    assert finding.reason == "caller gateway was starved: 1 % of its requests went out 700 ms late or later"


@pytest.mark.parametrize(
    ("begin_s", "outcome"),
    [(-10.0, Outcome.PASSED), (-4.9, Outcome.INCONCLUSIVE), (5.0, Outcome.INCONCLUSIVE), (60.0, Outcome.INCONCLUSIVE)],
)
def test_what_was_late_while_the_experiment_was_starting_does_not_matter(
    tmp_path: Path, begin_s: float, outcome: Outcome
) -> None:
    """Seen live: 1.5 s of a busy start made 15 of 681 requests late, ten seconds before the fault."""
    case = ejection_case()
    rows = samples()
    first = round((begin_s + 10) * 10)
    for row in rows[first : first + 45]:
        row["sent"] += 0.7
        row["done"] += 0.7
    case.callers["gateway"] = rows
    verdict = case.judge(tmp_path)
    assert verdict.outcome is outcome
    assert ("starved" in verdict.reason) is (outcome is not Outcome.PASSED)


def test_callers_in_the_cut_zone_are_excused_and_only_there(tmp_path: Path) -> None:
    case = zone_case()
    del case.callers["us-east-1b"]
    assert case.judge(tmp_path / "a").outcome is Outcome.PASSED
    case.ends["us-east-1a"] = None
    assert case.judge(tmp_path / "b").outcome is Outcome.INCONCLUSIVE


def test_a_starved_caller_is_no_matter_to_a_target_that_does_not_listen(tmp_path: Path) -> None:
    case = pdb_case()
    case.callers, case.ends = {"gateway": samples()}, {"gateway": None}
    assert case.judge(tmp_path).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("percent", "unit", "stopped"), [(50.0, "ms", False), (50.1, "ms", True), (99.0, "s", False), (None, "ms", True)]
)
def test_a_starved_machine_stops_latency_targets_only(tmp_path: Path, percent: Any, unit: Any, stopped: Any) -> None:
    case = ejection_case()
    outside = {"t": T0 - 5, "kind": "pressure", "cpu_some_avg10": 100.0}
    case.events += [outside] if percent is None else [outside, {**outside, "t": T0 + 5, "cpu_some_avg10": percent}]
    target = load_targets()["mesh.ejection"].model_copy(update={"unit": unit})
    found = preconditions.findings(read_case(case.write(tmp_path)), target, STATISTICS["ejection_s"])
    assert bool(found) is stopped


@pytest.mark.parametrize(
    ("totals", "outcome"),
    [
        (None, Outcome.INCONCLUSIVE),
        ('{"requests": 0}', Outcome.INCONCLUSIVE),
        ("torn", Outcome.INCONCLUSIVE),
        ('{"requests": 1, "failures": 1, "rps": 0.1, "duration_s": 9}', Outcome.PASSED),
    ],
)
def test_users_that_were_asked_for_must_have_come(tmp_path: Path, totals: str | None, outcome: Any) -> None:
    case = ejection_case()
    folder = case.write(tmp_path)
    journal_file = folder / "journal.json"
    document = json.loads(journal_file.read_text())
    document["experiment"]["configuration"] = {"traffic": {"locust": {"users": 3}}}
    journal_file.write_text(json.dumps(document))
    if totals is not None:
        (folder / "locust.json").write_text(totals)
    (verdict,) = judge_case(read_case(folder), load_targets())
    assert verdict.outcome is outcome, verdict.reason
