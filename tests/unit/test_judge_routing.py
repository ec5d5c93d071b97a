"""Release routes: good records, each way to be bad, and exactly at the boundaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.judge import judge_case
from reports.model import Outcome, Verdict, figure
from reports.reader import read_case
from reports.targets import load_targets
from tests.unit.records import Case, known
from tests.unit.records_mesh import PLACES, answered, routing, split

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


def both(case: Case, run: Path) -> tuple[Verdict, Verdict]:
    canary, variants = judge_case(read_case(case.write(run)), load_targets())
    return canary, variants


def test_ten_percent_and_each_variant_its_version(tmp_path: Path) -> None:
    canary, variants = both(routing(), tmp_path)
    assert (canary.outcome, variants.outcome) == (PASSED, PASSED)
    assert figure(canary.measured, canary.unit) == "10.0 (7.4 to 13.1) %"
    assert canary.extra["answered_by_v2"]["canary-us-east-1b"] == "31 of 310 (10.0 %)"
    assert "of 960 answers" in variants.reason


class TestCanary:
    """The statistic version_percent."""

    # The central acceptance of 10 % at 1e-3 for n = 1000 is 70 to 132 (research/mission.md, 4.6).
    @pytest.mark.parametrize(
        ("gateway", "zone", "outcome"), [(19, 17, PASSED), (18, 17, FAILED), (33, 33, PASSED), (34, 33, FAILED)]
    )
    def test_the_exact_binomial_boundary(self, tmp_path: Path, gateway: int, zone: int, outcome: Any) -> None:
        case = routing((zone, 250))
        case.callers["canary-gateway"] = answered(split(gateway, 250))
        canary, _ = both(case, tmp_path)
        assert known(canary).at == pytest.approx((gateway + 3 * zone) / 10)
        assert canary.outcome is outcome

    @pytest.mark.parametrize("k", [0, 124, 310])
    def test_none_forty_percent_and_all_fail(self, tmp_path: Path, k: int) -> None:
        assert both(routing((k, 310)), tmp_path)[0].outcome is FAILED

    def test_one_proxy_with_other_weights_is_not_hidden_by_the_others(self, tmp_path: Path) -> None:
        case = routing((34, 310))
        case.callers["canary-gateway"] = answered(split(8, 310))
        canary, _ = both(case, tmp_path)
        assert canary.outcome is FAILED
        assert "the proxy of canary-gateway sent 8 of 310 (2.6 %) to v2" in canary.reason

    def test_too_few_requests_tell_nothing(self, tmp_path: Path) -> None:
        canary, _ = both(routing((20, 200)), tmp_path)
        assert (canary.outcome, "too few to tell 10 % from 5 %" in canary.reason) == (INCONCLUSIVE, True)


class TestVariants:
    """The statistic misrouted_requests."""

    def test_one_request_at_the_wrong_version_is_named(self, tmp_path: Path) -> None:
        _, variants = both(routing(variants={"b-us-east-1a": ["v2"] * 119 + ["v1"]}), tmp_path)
        assert (variants.outcome, known(variants).hi) == (FAILED, 1)
        assert "first b-us-east-1a-119 by v1" in variants.reason

    def test_without_the_header_version_two_is_wrong_as_well(self, tmp_path: Path) -> None:
        _, variants = both(routing(variants={"a-gateway": ["v2"] + ["v1"] * 119}), tmp_path)
        assert (variants.outcome, "a-gateway-0 by v2" in variants.reason) == (FAILED, True)

    @pytest.mark.parametrize(("each", "outcome"), [(25, PASSED), (24, INCONCLUSIVE)])
    def test_each_variant_is_asked_for_a_hundred_times(self, tmp_path: Path, each: int, outcome: Any) -> None:
        few = {f"b-{place}": ["v2"] * each for place in PLACES}
        _, variants = both(routing(variants=few), tmp_path)
        assert variants.outcome is outcome


class TestWhoAnswered:
    """What both need of the samples."""

    @pytest.mark.parametrize(("failed", "outcome"), [(3, PASSED), (4, INCONCLUSIVE)])
    def test_more_than_a_hundredth_without_an_answer_proves_nothing(
        self, tmp_path: Path, failed: int, outcome: Any
    ) -> None:
        case = routing()
        for sample in case.callers["canary-us-east-1c"][-failed:]:
            sample |= {"status": 0, "answer": None}
        canary, variants = both(case, tmp_path)
        assert (canary.outcome, variants.outcome) == (outcome, PASSED)

    def test_an_answer_that_does_not_say_whose_it_is_proves_nothing(self, tmp_path: Path) -> None:
        case = routing()
        case.callers["a-us-east-1c"][5]["answer"] = None
        canary, variants = both(case, tmp_path)
        assert (canary.outcome, variants.outcome) == (PASSED, INCONCLUSIVE)
        assert "1 answers to caller a-us-east-1c do not say who gave them" in variants.reason

    def test_a_caller_that_is_missing_proves_nothing(self, tmp_path: Path) -> None:
        case = routing()
        del case.callers["b-gateway"]
        assert both(case, tmp_path)[1].outcome is INCONCLUSIVE
