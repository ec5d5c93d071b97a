"""Recovery after a zone is cut: traffic and capacity, good, bad, and exactly at the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome
from tests.unit.records import (
    CALLERS,
    T0,
    fault,
    known,
    ready,
    samples,
    zone_case,
    zone_events,
)

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


class TestTraffic:
    """The statistic traffic_recovery_s."""

    def test_only_callers_outside_the_zone_are_heard(self, tmp_path: Path) -> None:
        verdict = zone_case().judge(tmp_path)
        assert verdict.outcome is PASSED
        assert known(verdict).hi == pytest.approx(23.9 + 0.011)
        figures = verdict.extra["callers"]
        assert "caller us-east-1b in zone-cut" not in figures
        assert figures["caller gateway in zone-cut"]["errors"] == 238
        assert figures["caller gateway in zone-cut"]["longest_gap_s"] == pytest.approx(23.9)

    @pytest.mark.parametrize(("last_s", "outcome"), [(299.9, PASSED), (300.1, FAILED)])
    def test_the_limit_is_five_minutes(self, tmp_path: Path, last_s: Any, outcome: Any) -> None:
        callers = {c: samples([(0.2, last_s)], until_s=330) for c in CALLERS if c != "us-east-1b"}
        verdict = zone_case(callers=callers, events=zone_events(held_s=320)).judge(tmp_path)
        assert verdict.outcome is outcome

    def test_an_unknown_zone_is_inconclusive(self, tmp_path: Path) -> None:
        case = zone_case(events=fault("zone-cut"))
        case.callers["us-east-1b"] = samples()
        assert "which zone was cut" in case.judge(tmp_path).reason


class TestCapacity:
    """The statistic capacity_recovery_s."""

    def judge(self, tmp_path: Path, events: Any) -> Any:
        return zone_case("ha.failover_capacity", events=events).judge(tmp_path)

    @pytest.mark.parametrize(("back_s", "outcome"), [(50, PASSED), (299.9, PASSED), (300.0, FAILED)])
    def test_all_tiers_back_in_time(self, tmp_path: Path, back_s: Any, outcome: Any) -> None:
        verdict = self.judge(tmp_path, zone_events(back_s, held_s=400))
        assert verdict.outcome is outcome
        assert known(verdict).hi == pytest.approx(back_s)

    def test_the_slowest_tier_decides(self, tmp_path: Path) -> None:
        events = [
            {**e, "t": T0 + 320} if e.get("tier") == "api" and e["t"] == T0 + 50 else e for e in zone_events(held_s=400)
        ]
        verdict = self.judge(tmp_path, events)
        assert (verdict.outcome, "tier api" in verdict.reason) == (FAILED, True)

    def test_back_means_to_stay(self, tmp_path: Path) -> None:
        events = [*zone_events(held_s=400), ready(60, "app", 8), ready(310, "app", 9)]
        verdict = self.judge(tmp_path, events)
        assert verdict.outcome is FAILED
        assert known(verdict).lo == pytest.approx(309.9)

    @pytest.mark.parametrize(("held_s", "outcome"), [(400, FAILED), (90, INCONCLUSIVE)])
    def test_never_back_is_longer_than_the_fault(self, tmp_path: Path, held_s: Any, outcome: Any) -> None:
        events = [e for e in zone_events(held_s=held_s) if not (e.get("tier") == "app" and e["t"] == T0 + 50)]
        assert self.judge(tmp_path, events).outcome is outcome

    def test_back_only_because_the_zone_returned_is_not_back(self, tmp_path: Path) -> None:
        verdict = self.judge(tmp_path, zone_events(back_s=401, held_s=400))
        assert (verdict.outcome, known(verdict).ended) == (FAILED, False)

    def test_the_upper_end_of_a_late_observation_counts(self, tmp_path: Path) -> None:
        events = [{**e, "lo": T0 + 290, "hi": T0 + 301} if e["t"] == T0 + 295 else e for e in zone_events(295, 400)]
        assert self.judge(tmp_path, events).outcome is FAILED

    @pytest.mark.parametrize(
        ("events", "reason"),
        [
            ([e for e in zone_events() if e.get("ready") in {None, 6, 9} and e.get("tier") != "app"], "not watched"),
            ([{**e, "ready": e["desired"]} if "tier" in e else e for e in zone_events()], "nothing to recover from"),
            ([{**e, "ready": 8} if e["t"] == T0 - 5 else e for e in zone_events()], "had 8 of 9 pods ready before"),
            ([e for e in zone_events() if "tier" not in e], "not watched before"),
        ],
    )
    def test_what_was_not_seen_is_inconclusive(self, tmp_path: Path, events: Any, reason: Any) -> None:
        verdict = self.judge(tmp_path, events)
        assert (verdict.outcome, reason in verdict.reason) == (INCONCLUSIVE, True), verdict.reason
