"""An A/A case: quiet only if somebody looked and nothing fired; no verdict, and yet a run is worth no more than it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.baseline import Calm, baseline
from reports.model import Outcome
from reports.reader import read_case
from reports.results import judge_run
from reports.targets import load_targets
from tests.unit.records import activity, ejection, fault, journal, pdb_case, samples
from tests.unit.records_alerting import alert
from tests.unit.runs import idle_case, idle_events

if TYPE_CHECKING:
    from pathlib import Path


def calm(tmp_path: Path, *more: Any, **changes: Any) -> Any:
    return baseline(read_case(idle_case(*more, **changes).write(tmp_path)))


def test_quiet_counts_what_did_not_happen(tmp_path: Path) -> None:
    found = calm(tmp_path)
    assert found.calm is Calm.QUIET
    assert found.reason == "quiet: 0 ejections, 0 alerts, 0 changes of ready pods, 0 of 1000 requests failed"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (ejection("istio-system/gw-0", 20), "1 ejection,"),
        (alert(20, "firing", name="ZoneUnavailable"), "1 alert (ZoneUnavailable)"),
        (alert(20, "firing", "slack", "ZoneUnavailable"), "1 alert (ZoneUnavailable)"),
    ],
    ids=["an ejection", "an alert", "a notification"],
)
def test_whatever_fires_is_not_quiet(tmp_path: Path, event: Any, words: Any) -> None:
    found = calm(tmp_path, event)
    assert found.calm is Calm.NOT_QUIET
    assert found.reason.startswith("not quiet: ")
    assert words in found.reason


def test_pending_and_failed_requests_are_told_and_are_no_noise_of_the_suite(tmp_path: Path) -> None:
    rows = samples([(20.0, 21.0)], until_s=50, rate_hz=10)
    found = calm(tmp_path, alert(20, "pending", name="ZoneUnavailable"), callers={"gateway": rows})
    assert found.calm is Calm.QUIET
    assert "10 of 500 requests failed" in found.reason
    assert (found.noise.percent, found.noise.s) == (2.0, pytest.approx(1.1))


def no(kind: str) -> Any:
    return {"events": [event for event in idle_events() if event["kind"] != kind]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (no("alert"), "nobody watched alerts"),
        (no("clients"), "nobody watched for ejections"),
        ({"callers": {}}, "nobody called"),
        ({"events": [*idle_events(), *fault()]}, "a fault was injected"),
        ({"journal": None}, "journal.json is missing"),
        ({"journal": journal(run=[])}, "the steady state did not hold"),
        (
            {"journal": journal(run=[{"activity": {"name": "hold", "type": "probe"}, "status": "failed"}])},
            "hold did not",
        ),
    ],
    ids=["no alerts", "no clients", "no callers", "a fault", "no journal", "no method", "a failed activity"],
)
def test_where_nobody_looked_nobody_can_say(tmp_path: Path, changes: Any, words: Any) -> None:
    found = calm(tmp_path, **changes)
    assert found.calm is Calm.UNKNOWN
    assert words in found.reason


def test_what_happened_before_anybody_watched_is_no_noise(tmp_path: Path) -> None:
    rows = samples([(-9.0, -5.0)], until_s=50, rate_hz=10)
    assert calm(tmp_path, callers={"gateway": rows}).noise.percent == 0


def test_an_idle_case_has_no_verdict(tmp_path: Path) -> None:
    idle_case().write(tmp_path)
    results, _ = judge_run(tmp_path, load_targets())
    assert results.verdicts == ()
    assert (results.outcome, results.exit_code) == (Outcome.PASSED, 0)
    assert results.conclusion == "no promise was judged; quiet when nothing was broken."


def test_a_loud_alert_from_earlier_is_named(tmp_path: Path) -> None:
    probe = {**activity("loud-alerts", "probe", "ZoneUnavailable"), "tolerance_met": False}
    missed = {"before": {"steady_state_met": False, "probes": [probe]}}
    idle_case(journal=journal(steady_states=missed, run=[])).write(tmp_path)
    results, _ = judge_run(tmp_path, load_targets())
    assert "did not hold: loud-alerts gave ZoneUnavailable" in results.baselines[0].reason
    assert results.conclusion == "no promise was judged; not shown to be quiet when nothing was broken."
    assert results.exit_code == 2


@pytest.mark.parametrize(("more", "exit_code"), [((), 0), ((ejection("c", 20),), 2)])
def test_a_run_whose_idle_case_fires_is_not_proven(tmp_path: Path, more: Any, exit_code: Any) -> None:
    idle_case(*more).write(tmp_path)
    pdb_case().write(tmp_path)
    results, _ = judge_run(tmp_path, load_targets())
    assert results.exit_code == exit_code
    assert [verdict.outcome for verdict in results.verdicts] == [Outcome.PASSED]
