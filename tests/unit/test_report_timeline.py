"""Pictures: what a record holds is in them, where it happened, and they stay small however long the record is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reports.bench.__main__ import main as bench
from reports.heard import quantiles, quantiles_of_bins
from reports.judge import judge_case
from reports.look import look
from reports.problem import ReportProblem
from reports.reader import read_case
from reports.svg import columns, nice_ticks, plot, polyline, sparkline
from reports.targets import load_targets
from reports.timeline import Timeline, timeline
from reports.view import STEP
from tests.unit.records import Case, ejection_case, fault, journal, mtls_case, ready, samples
from tests.unit.runs import idle_case, outage_case, restoration_case

if TYPE_CHECKING:
    from pathlib import Path


def drawn(tmp_path: Path, case: Case) -> Timeline:
    record = read_case(case.write(tmp_path))
    found = timeline(record, judge_case(record, load_targets()))
    assert found is not None
    return found


def lanes(time: Timeline, kind: str) -> list[Any]:
    return [row for row in time.rows if row.lane.kind == kind]


def test_the_fault_is_shaded_in_every_lane_and_where_it_was(tmp_path: Path) -> None:
    time = drawn(tmp_path, ejection_case())
    shades = [re.search(r'd="M([\d.]+) 0h([\d.]+)V\d+h-[\d.]+z" class="fault"', row.svg) for row in time.rows]
    assert all(shades)
    (left, width), *others = [(float(s[1]), float(s[2])) for s in shades if s]
    assert all(other == (left, width) for other in others)
    assert width / STEP * time.bin_s == pytest.approx(90.2, abs=0.1)
    ticks = {text: percent for percent, text in time.ticks}
    whole = float(re.search(r'viewBox="0 0 ([\d.]+)', time.rows[0].svg)[1])  # type: ignore[index]
    assert left / whole * 100 == pytest.approx(ticks["0 s"], abs=0.1)
    assert time.faults == ("bad-replica: held 89.9 s, from 0.0 to 90.2 s",)


def test_the_limit_is_drawn_where_there_is_one_fault_to_count_from(tmp_path: Path) -> None:
    time = drawn(tmp_path / "one", ejection_case())
    assert time.limits == ("60 s after the fault began, the limit of mesh.ejection",)
    assert all('class="limit"' in row.svg for row in time.rows)
    twice = ejection_case()
    twice.events += fault("another", 80)
    assert drawn(tmp_path / "two", twice).limits == ()


def test_callers_have_successes_failures_and_quantiles(tmp_path: Path) -> None:
    time = drawn(tmp_path, ejection_case())
    calls, latency = lanes(time, "calls"), lanes(time, "latency")
    assert len(calls) == len(latency) == 4
    assert "28 of 1100 requests failed" in calls[0].lane.note
    assert {'class="good"', 'class="bad"'} <= set(re.findall(r'class="\w+"', calls[0].svg))
    assert [f'class="{name}"' in latency[0].svg for name in ("p50", "p95", "p99")] == [True] * 3
    assert latency[0].lane.note.startswith("p50 11 ms, p95 11 ms, p99 11 ms")
    assert [text for _, text in latency[0].lane.scale] == ["10 s", "100 ms", "1 ms"]


def test_the_matrix_has_a_row_for_every_client_also_for_one_that_ejected_nobody(tmp_path: Path) -> None:
    case = ejection_case()
    case.events = [event for event in case.events if event.get("client") != "callers/caller-b"]
    rows = {row.lane.title: row.lane.note for row in lanes(drawn(tmp_path, case), "ejections")}
    assert rows == {
        "Ejections by callers/caller-a": "ejected app-0 at 2.5 to 3.0 s",
        "Ejections by callers/caller-b": "ejected nobody",
        "Ejections by istio-system/gw-0": "ejected app-0 at 1.5 to 2.0 s",
    }


def test_ready_pods_are_stacked_by_zone(tmp_path: Path) -> None:
    (app,) = [row for row in lanes(drawn(tmp_path, outage_case(50)), "ready") if "app" in row.lane.title]
    assert app.lane.note == "lowest 6 of 9 (us-east-1a 3, us-east-1b 0, us-east-1c 3)"
    heights = [float(re.search(r"V([\d.]+)H", path)[1]) for path in re.findall(r'd="(M[^"]*)" class="zone', app.svg)]  # type: ignore[index]
    assert heights == sorted(heights)
    assert len(set(heights)) == 3


def test_a_record_without_zones_is_still_drawn(tmp_path: Path) -> None:
    case = ejection_case()
    case.events += [ready(-5, "app", 9), ready(3, "app", 8), ready(20, "app", 9)]
    (app,) = lanes(drawn(tmp_path, case), "ready")
    assert app.lane.note == "lowest 8 of 9"
    assert app.svg.count('class="zone0"') == 1


def test_phases_are_in_order_with_their_lengths(tmp_path: Path) -> None:
    rows = [(row.lane.title, row.lane.note) for row in lanes(drawn(tmp_path, restoration_case()), "phases")]
    assert rows[-2:] == [("Phase: serve", "18.0 s, completed"), ("Phase: verify", "1.0 s, completed: 4000 rows")]
    assert ("Phase: restore bytes", "27.0 s, completed: of the log") in rows


def test_a_case_without_a_fault_begins_at_zero_and_is_not_shaded(tmp_path: Path) -> None:
    time = drawn(tmp_path, idle_case())
    assert time.faults == ()
    assert not any('class="fault"' in row.svg for row in time.rows)
    assert [row.lane.title for row in lanes(time, "alerts")] == ["3 alert(s) stayed inactive"]


def test_a_record_in_which_nothing_changes_over_time_has_no_picture(tmp_path: Path) -> None:
    assert timeline(read_case(mtls_case().write(tmp_path)), ()) is None


def test_moments_that_are_no_numbers_do_not_break_the_picture(tmp_path: Path) -> None:
    case = ejection_case(
        events=[{"t": 1e999, "kind": "alert", "name": "a", "state": "firing", "by": "x", "lo": 0, "hi": 1e999}]
    )
    assert lanes(drawn(tmp_path, case), "calls")


def test_a_long_record_makes_no_larger_picture(tmp_path: Path) -> None:
    events = fault(held_s=3000)
    long = Case("mesh/ejection", ["mesh.ejection"], events, journal(), {"gateway": samples([(0, 900)], 3000, 10)})
    time = drawn(tmp_path, long)
    assert sum(len(row.svg) for row in time.rows) < 12_000
    assert time.bin_s == 30


def test_too_many_rows_are_counted_not_drawn(tmp_path: Path) -> None:
    case = ejection_case()
    case.events += [{"t": 999, "kind": "clients", "expected": [f"shop/pod-{k}" for k in range(100)]}]
    rows = lanes(drawn(tmp_path, case), "ejections")
    assert len(rows) == 25
    assert rows[-1].lane.title == "and 79 more clients"


def test_bars_of_one_height_are_one_step() -> None:
    assert columns([3, 3, 0, 2], 5, 10, "good") == '<path d="M0 10V7h10V10m5 0V8h5V10z" class="good"/>'
    assert columns([0, -4], 5, 10, "bad") == '<path d="M0 10V10m5 0V14h5V10z" class="bad"/>'
    assert columns([0, 0], 5, 10, "bad") == ""


def test_a_line_has_gaps_where_nothing_was_heard() -> None:
    assert polyline([(0, 5), (1, 5), (2, 9), (4, 1)], 5, "p50") == '<path d="M1 5h1h5l5 4M21 1h1" class="p50"/>'
    assert polyline([], 5, "p50") == ""


def test_words_in_a_picture_are_escaped() -> None:
    assert "<b>" not in plot(10, 10, columns([1], 5, 10, '"><b>'))


@pytest.mark.parametrize("values", [[5.0, 5.0], [1.0, 9.0, 3.0]])
def test_a_sparkline_ends_in_its_newest_figure(values: Any) -> None:
    text = sparkline(values, (2.0, 4.0), alarm=True)
    points = re.search(r'points="([^"]*)"', text)[1].split()  # type: ignore[index]
    assert len(points) == len(values)
    assert f'cx="{points[-1].split(",")[0]}"' in text
    assert 'class="alarm"' in text


def test_ticks_are_round() -> None:
    assert nice_ticks(-31, 130, 6) == [-30, 0, 30, 60, 90, 120]
    assert nice_ticks(5, 5) == [5]


def test_quantiles_are_nearest_ranks() -> None:
    took = np.array([float(number) for number in range(100, 0, -1)])
    assert quantiles(took, (0.5, 0.95, 0.99, 1.0)) == [50.0, 95.0, 99.0, 100.0]
    assert quantiles(np.array([]), (0.5,)) == [None]
    numbers, (median, highest) = quantiles_of_bins(np.array([7, 2, 7, 2, 7]), np.array([3.0, 9, 1, 8, 2]), (0.5, 1.0))
    assert (numbers.tolist(), median.tolist(), highest.tolist()) == ([2, 7], [8, 2], [9, 3])


def test_the_benchmark_names_its_bounds(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.bench.page.CASES", 2)
    assert bench(["page"]) == 0
    assert "report of 2 promises and 21600 requests" in capsys.readouterr().out
    monkeypatch.setattr("reports.bench.page.PAGE_MB_MAX", 0.001)
    assert bench(["page"]) == 1


def test_without_chromium_a_look_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ReportProblem, match="need Chromium"):
        look(tmp_path / "report.html", tmp_path / "look")
