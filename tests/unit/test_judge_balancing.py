"""Which replica answers: good records, each way to be bad, and exactly at the boundaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome, figure
from tests.unit.records import T0, known
from tests.unit.records_mesh import WATCHED, places, replicas, zones

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


def ejection(after_s: float, host: str = "app-b1") -> dict[str, Any]:
    moment = {"lo": T0 + after_s - 1, "hi": T0 + after_s}
    return {"t": T0 + after_s, "kind": "ejection", "client": WATCHED[0], "host": host, **moment}


def ready(after_s: float, count: int) -> dict[str, Any]:
    return {"t": T0 + after_s, "kind": "ready", "tier": "app", "namespace": "shop", "desired": 9, "ready": count}


class TestZones:
    """The statistic local_percent."""

    def test_four_of_five_stay(self, tmp_path: Path) -> None:
        verdict = zones().judge(tmp_path)
        assert verdict.outcome is PASSED, verdict.reason
        assert figure(verdict.measured, verdict.unit) == "80.0 (76.6 to 83.1) %"
        assert verdict.extra["stayed"]["us-east-1c"] == "448 of 560 (80.0 %)"

    @pytest.mark.parametrize("local", [560, 187, 0])
    def test_all_of_them_an_even_spread_and_none_fail(self, tmp_path: Path, local: int) -> None:
        verdict = zones(us_east_1a=local, us_east_1b=local, us_east_1c=local).judge(tmp_path)
        assert verdict.outcome is FAILED

    # At 1e-3 over three zones 560 requests of which 80 % should stay: 413 to 481 (share_percent at 1e-3 / 3).
    @pytest.mark.parametrize(("local", "outcome"), [(413, PASSED), (412, FAILED), (481, PASSED), (482, FAILED)])
    def test_one_bad_zone_is_not_hidden_by_the_others(self, tmp_path: Path, local: int, outcome: Any) -> None:
        verdict = zones(us_east_1b=local).judge(tmp_path)
        assert verdict.outcome is outcome, verdict.reason
        assert known(verdict).holds(80)
        if outcome is FAILED:
            assert f"the proxy of us-east-1b kept {local} of 560" in verdict.reason

    def test_each_zone_must_have_enough_requests(self, tmp_path: Path) -> None:
        verdict = zones(of=400).judge(tmp_path)
        assert (verdict.outcome, "400 requests are too few to tell 80 % from" in verdict.reason) == (INCONCLUSIVE, True)

    @pytest.mark.parametrize(
        ("events", "reason"),
        [
            ([], "was not seen before and after"),
            ([places(-0.01)], "was not seen before and after"),
            ([places(-0.01), places(57, zones=replicas("app", 3) | {"app-new": "us-east-1a"})], "app-new came or went"),
            ([places(-0.01), places(57, out={WATCHED[1]: ["app-a0"]})], "keeps app-a0 out"),
            ([places(-0.01), ejection(20), places(57)], "ejected app-b1"),
            ([places(-0.01), ready(20, 8), places(57)], "8 of 9 replicas of app were ready"),
            ([places(-0.01, out={WATCHED[0]: []}), places(57)], "nobody watched the proxy of caller us-east-1b"),
            (
                [places(-0.01, zones={"app-a0": "us-east-1a"}), places(57, zones={"app-a0": "us-east-1a"})],
                "app-a1 answ",
            ),
        ],
    )
    def test_what_moves_the_shares_makes_them_prove_nothing(self, tmp_path: Path, events: Any, reason: Any) -> None:
        verdict = zones(events).judge(tmp_path)
        assert (verdict.outcome, reason in verdict.reason) == (INCONCLUSIVE, True), verdict.reason

    @pytest.mark.parametrize("event", [ejection(-5), ejection(20, "api-a0"), ejection(70), ready(-5, 8), ready(70, 8)])
    def test_what_was_before_or_after_or_elsewhere_moves_nothing(self, tmp_path: Path, event: Any) -> None:
        assert zones([places(-0.01), event, places(57)]).judge(tmp_path).outcome is PASSED

    def test_only_what_was_answered_between_the_two_looks_counts(self, tmp_path: Path) -> None:
        verdict = zones([places(-0.01), places(55.9)]).judge(tmp_path)
        assert verdict.extra["stayed"]["us-east-1a"].split()[2] == "559"
