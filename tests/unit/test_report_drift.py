"""Drift: rare while nothing changes, found at once when something did, and never a verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reports.__main__ import main
from reports.baseline import Baseline, Calm, Noise
from reports.drift import EARLIER_MAX, EARLIER_MIN, FACTORS, FALSE_ALARM, Point, Trend, point, trend
from reports.history import bars, machine, trends
from reports.model import Interval, Outcome, Verdict
from reports.results import Results
from reports.targets import load_targets
from reports.write import report
from tests.unit.runs import ENVIRONMENT, HOST, earlier_runs, outage_case

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LIMIT_S = 300.0


def verdict(value: float, outcome: Outcome = Outcome.PASSED, width: float = 0.0, unit: str = "s") -> Verdict:
    found = Interval(value - width, value)
    return Verdict("ha.failover", "ha.case", None, outcome, "because", found, "", LIMIT_S, "<", unit)


def compared(earlier: Sequence[float], now: float, **more: Any) -> Trend:
    points = [Point(f"run-{number}", value) for number, value in enumerate(earlier)]
    return trend(verdict(now), points, Point("now", now), **more)


@pytest.mark.parametrize("n", [5, 6, 7, 10, 15, 20])
def test_each_factor_has_the_false_alarm_rate_that_is_stated(n: Any) -> None:
    figures = np.random.default_rng(n).normal(41, 3, (100_000, n + 1))
    earlier, now = figures[:, :n], figures[:, n]
    usual = np.median(earlier, axis=1)
    deviation = 1.4826 * np.median(np.abs(earlier - usual[:, None]), axis=1)
    alarms = np.mean(np.abs(now - usual) > FACTORS[n] * deviation)
    assert FALSE_ALARM * 0.75 < alarms < FALSE_ALARM * 1.25


def test_the_rule_is_the_one_whose_rate_was_measured() -> None:
    earlier = [40.0, 41.0, 42.0, 43.0, 44.0]
    edge = 42 + FACTORS[5] * 1.4826
    assert compared(earlier, edge - 0.01).drifted is False
    assert compared(earlier, edge + 0.01).drifted is True
    assert compared(earlier, 2 * 42 - edge - 0.01).drifted is True


def test_histories_of_a_system_that_does_not_change_show_no_drift() -> None:
    """Every run of each history is looked at, from the sixth to the thirtieth."""
    draw = np.random.default_rng(4)
    histories = [draw.normal(41, 3, 30).tolist() for _ in range(200)]
    alarmed = sum(
        any(compared(history[:n], history[n]).drifted for n in range(EARLIER_MIN, len(history)))
        for history in histories
    )
    assert alarmed / len(histories) <= 0.05


@pytest.mark.parametrize(("earlier_runs", "noise_s"), [(5, 1.5), (6, 3.0), (10, 5.0), (20, 10.0)])
def test_a_shift_from_41_to_190_seconds_is_found_at_once(earlier_runs: Any, noise_s: Any) -> None:
    draw = np.random.default_rng(5)
    found = [
        compared(draw.normal(41, noise_s, earlier_runs).tolist(), 190 + draw.normal(0, noise_s)).drifted
        for _ in range(500)
    ]
    assert np.mean(found) > 0.98


def test_one_odd_earlier_run_hides_nothing_and_raises_nothing() -> None:
    earlier = [41.0, 40.2, 42.1, 250.0, 41.5, 40.8, 41.2]
    assert compared(earlier, 41.3).drifted is False
    assert compared(earlier, 190.0).drifted is True


def test_a_move_within_what_the_figures_or_the_machine_can_tell_is_no_drift() -> None:
    same = [20.0] * 6
    assert compared(same, 22.0).drifted is True
    assert compared(same, 22.0, idle_noise=3.0).drifted is False
    points = [Point("run", 20.0, width=2.5)] * 6
    assert trend(verdict(22.0), points, Point("now", 22.0)).drifted is False


def test_too_few_runs_say_so_and_never_alarm() -> None:
    seen = compared([41.0] * (EARLIER_MIN - 1), 190.0)
    assert (seen.drifted, seen.usual, seen.noise) == (False, None, None)
    assert "4 of the 5 earlier runs" in seen.note


def test_only_the_last_runs_are_compared_with() -> None:
    seen = compared([10.0] * 30 + [41.0, 41.2] * (EARLIER_MAX // 2), 41.1)
    assert (len(seen.earlier), seen.usual, seen.drifted) == (EARLIER_MAX, 41.1, False)


def test_the_figure_compared_is_the_one_that_was_judged() -> None:
    assert point("r", verdict(5.0, width=2)) == Point("r", 5.0, 2.0)
    assert point("r", replace(verdict(5.0, width=2), relation=">=")) == Point("r", 3.0, 2.0)
    share = replace(verdict(5.0), relation="~", measured=Interval(8.0, 13.0, at=10.4))
    assert point("r", share) == Point("r", 10.4, 5.0)
    assert point("r", replace(verdict(5.0), measured=None)) is None
    assert point("r", replace(verdict(5.0), measured=Interval(90.0, float("inf")))) is None


def run_of(name: str, value: float, outcome: Outcome = Outcome.PASSED, **more: Any) -> Results:
    whole: dict[str, Any] = {"environment": {"host": HOST}} | more
    return Results(name, outcome, 0, "", (verdict(value, outcome),), (), (), **whole)


def test_only_kept_promises_on_the_same_machine_are_compared() -> None:
    before = [run_of(f"a{number}", 41 + number / 10) for number in range(6)]
    before += [run_of("b", 150, Outcome.FAILED), run_of("c", 9, environment={"host": HOST | {"processors": 64}})]
    (seen,) = trends(run_of("now", 41.2), before)
    assert [each.run for each in seen.earlier] == [f"a{number}" for number in range(6)]
    (broken,) = trends(run_of("now", 190, Outcome.FAILED), before)
    assert (broken.now, broken.drifted) == (None, False)


def test_a_run_of_an_unknown_machine_is_compared_with_nothing() -> None:
    assert machine({}) is machine({"host": {"processors": 2}}) is None
    unknown = [run_of(f"a{number}", 41, environment={}) for number in range(6)]
    (seen,) = trends(run_of("now", 190, environment={}), unknown)
    assert (seen.earlier, seen.drifted) == ((), False)
    fast = ENVIRONMENT | {"profile": "fast"}
    assert machine(fast) != machine(ENVIRONMENT)


def test_idle_runs_give_the_floor_only_if_they_were_quiet() -> None:
    def idle(calm: Calm) -> Any:
        return (Baseline("baseline.idle", calm, "", Noise(5.0, 100.0, 0.0)),)

    quiet = [run_of(f"a{number}", 20, baselines=idle(Calm.QUIET)) for number in range(6)]
    assert trends(run_of("now", 24), quiet)[0].drifted is False
    assert trends(run_of("now", 26), quiet)[0].drifted is True
    loud = [replace(run, baselines=idle(Calm.NOT_QUIET)) for run in quiet]
    assert trends(run_of("now", 24), loud)[0].drifted is True


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven usual nights, then one in which capacity was back much later, and still in time."""
    folder = tmp_path_factory.mktemp("drift") / "runs"
    folder.mkdir()
    earlier_runs(folder, [40.2, 41.5, 39.8, 42.2, 41.0, 40.7, 41.9])
    last = folder / "20260201T000000Z"
    outage_case(80.0).write(last)
    (last / "environment.json").write_text(json.dumps(ENVIRONMENT))
    for run in sorted(folder.iterdir()):
        report(run, load_targets())
    return folder


def test_drift_is_on_the_first_screen_and_changes_no_verdict(runs: Path) -> None:
    last = runs / "20260201T000000Z"
    told = json.loads((last / "results.json").read_text())
    assert (told["outcome"], told["exit_code"]) == ("passed", 0)
    drifted = {each["target"]: each["drifted"] for each in told["history"]}
    assert drifted == {"ha.failover_traffic": False, "ha.failover_capacity": True}
    page = (last / "report.html").read_text()
    banner = page[page.index('<section class="banner') : page.index("</section>")]
    assert "Drift</a>, though the promise is kept: <strong>ha.failover_capacity</strong> 80 s, usually 41 ±" in banner
    assert page.count('class="spark"') == 4
    assert page.count('class="alarm"') == 2
    assert "drift" in (last / "summary.md").read_text()
    assert "resilience_target_drifted{" in (last / "metrics.prom").read_text()


def test_a_run_before_the_change_knows_nothing_of_it(runs: Path) -> None:
    told = json.loads((runs / "20260107T000000Z" / "results.json").read_text())
    assert [len(each["earlier"]) for each in told["history"]] == [6, 6]
    assert not any(each["drifted"] for each in told["history"])


def test_the_history_command_shows_every_target(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--runs", str(runs)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("ha.")}
    assert "drift: 80 s, usually 41 ±" in lines["ha.failover_capacity"]
    assert "drift" not in lines["ha.failover_traffic"]
    assert "▁" in lines["ha.failover_capacity"]
    assert "█" in lines["ha.failover_capacity"]


def test_the_history_command_looks_at_the_last_runs_alone(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--last", "3", "--runs", str(runs)]) == 0
    shown = capsys.readouterr().out
    assert "2 of the 5 earlier runs" in shown
    assert "drift" not in shown


def test_the_history_of_nothing_is_a_problem_with_a_fix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--runs", str(tmp_path)]) == 64
    assert "fix: make report" in capsys.readouterr().err


def test_bars_stand_for_the_figures() -> None:
    assert bars(compared([1.0, 2.0, 3.0], 8.0)) == "▁▂▃█"
    assert bars(compared([5.0, 5.0], 5.0)) == "▁▁▁"
