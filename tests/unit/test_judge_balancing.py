"""Which replica answers: good records, each way to be bad, and exactly at the boundaries."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from reports.judge import judge_case
from reports.model import Outcome, Verdict, figure
from reports.reader import read_case
from reports.targets import load_targets
from tests.unit.records import T0, ZONES, Case, known
from tests.unit.records_mesh import (
    WATCHED,
    balancing,
    counted,
    in_turn,
    places,
    replicas,
    served,
    zones,
)

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


def both(case: Case, run: Path) -> tuple[Verdict, Verdict]:
    turns, slow = judge_case(read_case(case.write(run)), load_targets())
    return turns, slow


def at_random(zone: str) -> list[str]:
    """As many answers from each zone as in turn, each replica picked anew."""
    pick = random.Random(1)  # noqa: S311 - nothing secret
    return [f"{pod[:-1]}{pick.randrange(3)}" for pod in in_turn(zone, 216, 270)]


def test_both_policies_at_their_work(tmp_path: Path) -> None:
    turns, slow = both(balancing(), tmp_path)
    assert (turns.outcome, slow.outcome) == (PASSED, PASSED), (turns.reason, slow.reason)
    assert figure(turns.measured, turns.unit) == "100.0 (99.0 to 100.0) %"
    assert figure(slow.measured, slow.unit) == "66.7 (52.2 to 82.3) %"
    assert "api-a0 got 144 of 432 (33.3 %) of what 2 replicas of its zone got" in slow.reason


class TestTurns:
    """The statistic in_turn_percent."""

    def test_picks_at_random_fail_for_each_caller(self, tmp_path: Path) -> None:
        case = balancing(app={zone: at_random(zone) for zone in ZONES})
        turns, slow = both(case, tmp_path)
        assert (turns.outcome, slow.outcome) == (FAILED, PASSED)
        assert known(turns).at == pytest.approx(44, abs=6)
        assert "of the calls of app-us-east-1b" in turns.reason

    def test_one_caller_at_random_is_not_hidden_by_the_others(self, tmp_path: Path) -> None:
        turns, _ = both(balancing(app={"us-east-1c": at_random("us-east-1c")}), tmp_path)
        assert turns.outcome is FAILED

    # Of 792 turns surely 90 %: 740 and not 739.
    @pytest.mark.parametrize(("out", "outcome"), [(52, PASSED), (53, FAILED)])
    def test_the_exact_binomial_boundary(self, tmp_path: Path, out: int, outcome: Any) -> None:
        app = {zone: in_turn(zone, 216, 270) for zone in ZONES}
        for number, (zone, by) in enumerate(app.items()):
            local = [i for i, pod in enumerate(by) if pod.startswith(f"app-{zone[-1]}")]
            for k in range(number, out // 2, 3):  # the replica before, once again: it comes too early two times
                by[local[3 * k + 3]] = by[local[3 * k + 2]]
            if out % 2 and not number:  # the last one has only one time
                by[local[-1]] = by[local[-2]]
        turns, _ = both(balancing(app=app), tmp_path)
        assert known(turns).at == pytest.approx(100 * (792 - out) / 792, abs=0.01), turns.reason
        assert turns.outcome is outcome

    def test_a_replica_that_is_left_out_has_not_its_share(self, tmp_path: Path) -> None:
        by = [pod.replace("b2", "b1") for pod in in_turn("us-east-1b", 216, 270)]
        turns, _ = both(balancing(app={"us-east-1b": by}), tmp_path)
        assert turns.outcome is FAILED
        assert "app-b2 got 0 of 216 (0.0 %) of the calls of app-us-east-1b to us-east-1b" in turns.reason

    @pytest.mark.parametrize(("of", "outcome"), [(125, PASSED), (120, INCONCLUSIVE)])
    def test_each_callers_own_zone_is_called_a_hundred_times(self, tmp_path: Path, of: int, outcome: Any) -> None:
        turns, _ = both(balancing(app={"us-east-1a": in_turn("us-east-1a", of * 4 // 5, of)}), tmp_path)
        assert turns.outcome is outcome, turns.reason


class TestSlow:
    """The statistic slow_share_percent."""

    # Of 432 calls surely less than a half: 181 and not 182 (the exact interval at 1e-3).
    @pytest.mark.parametrize(("slow", "outcome"), [(181, PASSED), (182, FAILED), (216, FAILED), (300, FAILED)])
    def test_the_exact_binomial_boundary(self, tmp_path: Path, slow: int, outcome: Any) -> None:
        _, verdict = both(balancing(slow), tmp_path)
        assert verdict.outcome is outcome, verdict.reason
        assert known(verdict).at == pytest.approx(100 * slow / 216)

    @pytest.mark.parametrize(
        ("second", "reason"),
        [
            (served(45.7, **(counted() | {"api_b0": 60})), "counted 573 requests, the callers made 540 to 540"),
            (served(45.7, **(counted() | {"api_b0": 20})), "counted 533 requests"),
            (served(45.7, **(counted() | {"api_b0": -5})), "began anew"),
            (served(47.0, **counted()), "was not asked twice"),
            (served(45.7, **counted()) | {"tier": "app"}, "was not asked twice"),
            (served(45.7, **counted()) | {"counts": {"api-a0": 2000}}, "came, went or began anew"),
        ],
    )
    def test_counts_that_are_not_the_callers_prove_nothing(self, tmp_path: Path, second: Any, reason: Any) -> None:
        looks = [places(0.2), places(0.21, "api", 2), served(0.4), second, places(46.5), places(46.51, "api", 2)]
        _, verdict = both(balancing(events=looks), tmp_path)
        assert (verdict.outcome, reason in verdict.reason) == (INCONCLUSIVE, True), verdict.reason

    def test_what_the_callers_proxy_ejects_must_be_watched(self, tmp_path: Path) -> None:
        others: dict[str, list[str]] = {name: [] for name in WATCHED[1:]}
        looks = [places(0.2), places(0.21, "api", 2, out=others), served(0.4), served(45.7, **counted())]
        _, verdict = both(balancing(events=[*looks, places(45.8), places(45.81, "api", 2, out=others)]), tmp_path)
        assert (verdict.outcome, "nobody watched the proxy" in verdict.reason) == (INCONCLUSIVE, True), verdict.reason

    def test_a_slow_replica_that_was_ejected_got_less_for_another_reason(self, tmp_path: Path) -> None:
        case = balancing()
        case.events.append(ejection(20, "api-a0"))
        turns, verdict = both(case, tmp_path)
        assert (turns.outcome, verdict.outcome) == (PASSED, INCONCLUSIVE)
        assert "ejected api-a0" in verdict.reason
