"""Every reason not to believe a figure stops the figure, and its neighbour on the good side does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from reports.judge import judge_case, preconditions
from reports.judge.registry import STATISTICS
from reports.model import Outcome
from reports.record import read_case
from reports.targets import load_targets
from tests.unit.records import T0, activity, ejection_case, journal, pdb_case, samples, zone_case

if TYPE_CHECKING:
    from pathlib import Path

GOOD_RUN = [activity("break"), activity("heal")]


def spoiled_journal(tmp_path: Path, **changes: Any) -> Any:
    return ejection_case(journal=journal(**changes)).judge(tmp_path)


def test_a_good_record_passes(tmp_path: Path) -> None:
    verdict = ejection_case().judge(tmp_path)
    assert (verdict.outcome, verdict.reason.split(" (")[0]) == (Outcome.PASSED, "measured 4.0 s, allowed < 60 s")
    assert "mesh.ejection/samples-gateway.ndjson" in verdict.evidence


@pytest.mark.parametrize("name", ["case.json", "journal.json", "events.ndjson"])
def test_a_missing_file_is_an_error(tmp_path: Path, name: Any) -> None:
    folder = ejection_case().write(tmp_path)
    (folder / name).unlink()
    (verdict,) = judge_case(read_case(folder), load_targets())
    assert (verdict.outcome, verdict.reason) == (Outcome.ERROR, f"{name} is missing")
    assert f"mesh.ejection/{name}" not in verdict.evidence


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run": []}'])
def test_an_unreadable_journal_is_an_error(tmp_path: Path, text: Any) -> None:
    folder = ejection_case().write(tmp_path)
    (folder / "journal.json").write_text(text)
    (verdict,) = judge_case(read_case(folder), load_targets())
    assert verdict.outcome is Outcome.ERROR
    assert verdict.reason.startswith("journal.json is unreadable")


def test_a_torn_last_line_is_tolerated_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    folder = ejection_case().write(tmp_path)
    events = folder / "events.ndjson"
    whole = events.read_text()
    events.write_text(whole + '{"t": 12, "kind": "ejec')
    assert judge_case(read_case(folder), load_targets())[0].outcome is Outcome.PASSED
    events.write_text('{"t": 12, "kind": "ejec\n' + whole)
    verdict = judge_case(read_case(folder), load_targets())[0]
    assert (verdict.outcome, "damaged: line 1" in verdict.reason) == (Outcome.ERROR, True)


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        (None, "it was not looked at"),
        ({"steady_state_met": None, "probes": []}, "the steady state did not hold"),
        (
            {"steady_state_met": False, "probes": [{**activity("ratio", "probe", 0.4), "tolerance_met": False}]},
            "ratio gave 0.4",
        ),
    ],
)
def test_a_baseline_that_did_not_hold_is_inconclusive(tmp_path: Path, before: Any, reason: Any) -> None:
    """Chaos Toolkit says `completed` here: the method was skipped and nothing was injected."""
    verdict = spoiled_journal(tmp_path, steady_states={"before": before, "after": None}, run=[])
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, f"baseline not met: {reason}")


def test_a_method_that_never_ran_is_inconclusive(tmp_path: Path) -> None:
    verdict = spoiled_journal(tmp_path, run=[])
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "baseline not met: the method never ran")


def test_an_action_that_raised_is_an_error_with_its_exception(tmp_path: Path) -> None:
    run = [
        activity("break", status="failed", output=None, exception=["Traceback\n", "ActivityFailed: denied\n", "\n"]),
        *GOOD_RUN[1:],
    ]
    verdict = spoiled_journal(tmp_path, run=run)
    assert (verdict.outcome, verdict.reason) == (
        Outcome.ERROR,
        "action break did not succeed: ActivityFailed: denied",
    )


def test_a_method_cut_short_is_an_error(tmp_path: Path) -> None:
    verdict = spoiled_journal(tmp_path, run=GOOD_RUN[:1])
    assert (verdict.outcome, verdict.reason) == (Outcome.ERROR, "the method stopped after 1 of 2 activities")


@pytest.mark.parametrize("output", [None, [], {}, "", False, 0, {"pods": []}, [[], None]])
def test_an_action_that_returned_nothing_matched_nothing(tmp_path: Path, output: Any) -> None:
    verdict = spoiled_journal(tmp_path, run=[activity("break", output=output), activity("heal")])
    assert (verdict.outcome, verdict.reason) == (
        Outcome.INCONCLUSIVE,
        "action break returned nothing: it matched nothing",
    )


def test_a_probe_may_return_nothing_and_an_action_may_return_part(tmp_path: Path) -> None:
    run = [activity("hold", "probe", None), activity("break", output={"pods": ["a"], "more": []})]
    assert spoiled_journal(tmp_path, run=run).outcome is Outcome.PASSED


def without(kind: str) -> list[dict[str, Any]]:
    return [event for event in ejection_case().events if event["kind"] != kind]


def proof(*, acted: bool, by: str, t: float = T0 + 5) -> dict[str, Any]:
    return {"t": t, "kind": "fault.proof", "fault": "bad-replica", "acted": acted, "by": by, "observed": {}}


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        (without("fault.proof"), "nothing proves that bad-replica acted"),
        ([*without("fault.proof"), proof(acted=False, by="lease")], "bad-replica did not act, says lease"),
        ([*ejection_case().events, proof(acted=False, by="lease")], "bad-replica did not act, says lease"),
        (
            [*ejection_case().events, proof(acted=False, by="server-counter")],
            "bad-replica did not act, says server-counter",
        ),
        (without("fault.started"), "bad-replica was intended and never confirmed"),
        (without("fault.ended"), "not healed: bad-replica was never seen to end"),
    ],
)
def test_a_fault_without_proof_or_end_is_inconclusive(tmp_path: Path, events: Any, reason: Any) -> None:
    verdict = ejection_case(events=events).judge(tmp_path)
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, reason)


def test_an_observer_may_see_the_fault_a_little_later(tmp_path: Path) -> None:
    events = [*ejection_case().events, proof(acted=False, by="lease"), proof(acted=True, by="lease", t=T0 + 6)]
    assert ejection_case(events=events).judge(tmp_path).outcome is Outcome.PASSED


def test_the_same_fault_twice_needs_two_ends(tmp_path: Path) -> None:
    again = {
        "t": T0 + 95,
        "kind": "fault.started",
        "fault": "bad-replica",
        "lo": T0 + 95,
        "hi": T0 + 95.1,
        "target": {},
    }
    verdict = ejection_case(events=[*ejection_case().events, again]).judge(tmp_path)
    assert verdict.reason == "not healed: bad-replica was never seen to end"


def test_an_end_from_before_the_start_is_none(tmp_path: Path) -> None:
    stale = {"t": T0 - 50, "kind": "fault.ended", "fault": "bad-replica", "lo": T0 - 51, "hi": T0 - 50}
    verdict = ejection_case(events=[*without("fault.ended"), stale]).judge(tmp_path)
    assert verdict.reason == "not healed: bad-replica was never seen to end"


@pytest.mark.parametrize(
    ("rollbacks", "reason"),
    [
        ([], "not healed: 0 of 1 rollbacks were played"),
        ([activity("heal-again", status="failed")], "not healed: rollback heal-again failed"),
    ],
)
def test_rollbacks_that_did_not_play_are_inconclusive(tmp_path: Path, rollbacks: Any, reason: Any) -> None:
    verdict = spoiled_journal(tmp_path, rollbacks=rollbacks)
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, reason)


@pytest.mark.parametrize("after", [None, {"steady_state_met": False, "probes": []}, {"steady_state_met": None}])
def test_a_system_that_did_not_come_back_takes_away_a_pass_but_not_a_failure(tmp_path: Path, after: Any) -> None:
    states = {**journal()["steady_states"], "after": after}
    case = ejection_case(journal=journal(steady_states=states))
    verdict = case.judge(tmp_path / "a")
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "did not hold again" in verdict.reason
    assert verdict.measured is not None
    case.callers["gateway"] = samples([(0.2, 70)])
    assert case.judge(tmp_path / "b").outcome is Outcome.FAILED


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
    case.callers["gateway"] = late
    caller = read_case(case.write(tmp_path)).callers[0]
    assert preconditions.lag_p99_s(caller) == pytest.approx(0.001)


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


def test_the_worst_finding_is_the_reason_and_the_others_are_kept(tmp_path: Path) -> None:
    run = [activity("break", output=[]), activity("heal", status="failed", exception=["Boom: x"])]
    verdict = spoiled_journal(tmp_path, run=run, rollbacks=[])
    assert (verdict.outcome, verdict.reason) == (Outcome.ERROR, "action heal did not succeed: Boom: x")
    assert len(verdict.extra["also"]) == 2


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
