"""Each statistic on a good record, on each way to be bad, and exactly at its boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome
from tests.unit.records import (
    CLIENTS,
    PORTS,
    T0,
    ejection,
    ejection_case,
    eviction,
    fault,
    handshake,
    known,
    mtls_case,
    mtls_events,
    pdb_case,
    pdb_events,
    quick_callers,
    ready,
    samples,
)

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


def ejections(*after_s: float, held_s: float = 90.0, **target: str) -> list[dict[str, Any]]:
    clients = {"t": T0 - 5, "kind": "clients", "expected": list(CLIENTS)}
    shown = [ejection(client, after) for client, after in zip(CLIENTS, after_s, strict=False)]
    return [*fault(held_s=held_s, **(target or {"pod": "shop/app-0"})), clients, *shown]


def errors_until(last_s: float) -> dict[str, list[dict[str, Any]]]:
    """All callers see errors for 3 s, the gateway until its request due just before `last_s`."""
    return {**quick_callers(), "gateway": samples([(0.2, last_s)])}


class TestEjection:
    """The statistic ejection_s."""

    @pytest.mark.parametrize(("after_s", "outcome"), [(59.9, PASSED), (60.0, FAILED), (61.0, FAILED)])
    def test_the_last_client_decides(self, tmp_path: Path, after_s: Any, outcome: Any) -> None:
        verdict = ejection_case(events=ejections(1, after_s, 2)).judge(tmp_path)
        assert verdict.outcome is outcome
        assert known(verdict).hi == pytest.approx(after_s)
        assert verdict.margin == pytest.approx(60 - after_s)

    @pytest.mark.parametrize(("last_s", "outcome"), [(59.9, PASSED), (60.1, FAILED)])
    def test_the_last_error_decides(self, tmp_path: Path, last_s: Any, outcome: Any) -> None:
        verdict = ejection_case(callers=errors_until(last_s)).judge(tmp_path)
        assert verdict.outcome is outcome
        assert known(verdict).hi == pytest.approx(last_s - 0.1 + 0.011)
        assert "caller gateway" in verdict.reason

    @pytest.mark.parametrize(("held_s", "outcome"), [(90.0, FAILED), (50.0, INCONCLUSIVE)])
    def test_a_client_that_never_ejected_took_longer_than_the_fault(
        self, tmp_path: Path, held_s: Any, outcome: Any
    ) -> None:
        verdict = ejection_case(events=ejections(1, 2, held_s=held_s)).judge(tmp_path)
        assert verdict.outcome is outcome
        assert known(verdict).lo == pytest.approx(held_s - 0.1)
        assert not known(verdict).ended
        assert verdict.margin is None

    def test_an_ejection_after_the_fault_is_none(self, tmp_path: Path) -> None:
        verdict = ejection_case(events=ejections(1, 2, 91)).judge(tmp_path)
        assert (verdict.outcome, known(verdict).ended) == (FAILED, False)

    def test_ejecting_another_host_is_none(self, tmp_path: Path) -> None:
        events = [*ejections(1, 2), ejection(CLIENTS[2], 3, host="app-7")]
        verdict = ejection_case(events=events).judge(tmp_path)
        assert verdict.outcome is FAILED

    def test_the_first_of_several_ejections_counts(self, tmp_path: Path) -> None:
        events = [*ejections(1, 2, 3), ejection(CLIENTS[2], 80)]
        assert known(ejection_case(events=events).judge(tmp_path)).hi == pytest.approx(3)

    def test_a_host_ejected_before_the_fault_is_inconclusive(self, tmp_path: Path) -> None:
        verdict = ejection_case(events=[*ejections(1, 2, 3), ejection(CLIENTS[0], -1)]).judge(tmp_path)
        assert (verdict.outcome, "before bad-replica began" in verdict.reason) == (INCONCLUSIVE, True)

    @pytest.mark.parametrize(("until_s", "outcome"), [(200.0, FAILED), (85.0, FAILED)])
    def test_errors_in_the_last_ten_seconds_mean_not_recovered(
        self, tmp_path: Path, until_s: Any, outcome: Any
    ) -> None:
        verdict = ejection_case(callers=errors_until(until_s)).judge(tmp_path)
        assert (verdict.outcome, known(verdict).ended) == (outcome, False)

    def test_not_recovered_from_a_short_fault_is_inconclusive(self, tmp_path: Path) -> None:
        verdict = ejection_case(events=ejections(1, 2, 3, held_s=30), callers=errors_until(25)).judge(tmp_path)
        assert (verdict.outcome, "shorter than the limit" in verdict.reason) == (INCONCLUSIVE, True)

    def test_errors_after_the_fault_do_not_count(self, tmp_path: Path) -> None:
        callers = {**quick_callers(), "gateway": samples([(0.2, 3), (90.5, 95)])}
        verdict = ejection_case(callers=callers).judge(tmp_path)
        assert verdict.outcome is PASSED
        assert verdict.extra["callers"]["gateway, bad-replica"]["errors_after"] == 45

    @pytest.mark.parametrize(("total", "outcome"), [(12, PASSED), (0, INCONCLUSIVE), (None, INCONCLUSIVE)])
    def test_callers_without_errors_need_the_servers_word(self, tmp_path: Path, total: Any, outcome: Any) -> None:
        events = [
            {**e, "observed": {} if total is None else {"faulted_total": total}} if e["kind"] == "fault.proof" else e
            for e in ejections(1, 2, 3)
        ]
        callers = {**quick_callers(), "us-east-1b": samples()}
        assert ejection_case(events=events, callers=callers).judge(tmp_path).outcome is outcome

    @pytest.mark.parametrize(
        ("events", "reason"),
        [
            ([e for e in ejections(1, 2, 3) if e["kind"] != "clients"], "no list of clients"),
            (ejections(1, 2, 3, zone="x"), "does not say which pod it broke"),
            ([e for e in ejections(1, 2, 3) if not e["kind"].startswith("fault")], "no fault that began and ended"),
        ],
    )
    def test_what_cannot_be_told_is_inconclusive(self, tmp_path: Path, events: Any, reason: Any) -> None:
        verdict = ejection_case(events=events).judge(tmp_path)
        assert (verdict.outcome, reason in verdict.reason) == (INCONCLUSIVE, True)

    def test_every_broken_pod_must_be_ejected(self, tmp_path: Path) -> None:
        events = ejections(1, 2, 3)
        events[1] = {**events[1], "target": {"pods": ["shop/app-0", "shop/app-1"]}}
        assert ejection_case(events=events).judge(tmp_path).outcome is FAILED


class TestCallers:
    """What any caller must have done to be believed."""

    @pytest.mark.parametrize(
        ("rows", "reason"),
        [
            (samples([(0.2, 3)])[101:], "began after"),
            (samples([(0.2, 3)], until_s=85), "stopped before"),
            (samples([(0.2, 3)], rate_hz=0.3), "30 are needed"),
            ([r for r in samples([(0.2, 3)]) if not T0 + 79.9 < r["due"] < T0 + 90], "finished no request in the last"),
        ],
    )
    def test_a_caller_that_was_not_there_is_inconclusive(self, tmp_path: Path, rows: Any, reason: Any) -> None:
        case = ejection_case()
        case.callers["gateway"] = rows
        verdict = case.judge(tmp_path)
        assert (verdict.outcome, reason in verdict.reason) == (INCONCLUSIVE, True), verdict.reason

    def test_a_fault_shorter_than_the_clean_tail_is_inconclusive(self, tmp_path: Path) -> None:
        verdict = ejection_case(events=ejections(1, 2, 3, held_s=10.0), callers=errors_until(1)).judge(tmp_path)
        assert "was held for 9.9 s" in verdict.reason

    def test_a_request_that_hangs_over_the_end_is_an_error_of_the_fault(self, tmp_path: Path) -> None:
        case = ejection_case()
        case.callers["gateway"][990] |= {"done": T0 + 95, "status": 0}
        assert not known(case.judge(tmp_path)).ended

    def test_errors_of_4xx_are_answers(self, tmp_path: Path) -> None:
        case = ejection_case()
        case.callers["gateway"][900] |= {"status": 499}
        assert case.judge(tmp_path).outcome is PASSED
        assert samples()[0]["status"] == 200


class TestEncryption:
    """The statistic plaintext_violations."""

    def test_all_refused_with_a_positive_control_passes(self, tmp_path: Path) -> None:
        verdict = mtls_case().judge(tmp_path)
        assert (verdict.outcome, known(verdict).hi, verdict.margin) == (PASSED, 0, 0)

    @pytest.mark.parametrize("mode", ["plaintext", "tls1_2", "tls1_3_no_cert"])
    @pytest.mark.parametrize(("outcome", "expected"), [("accepted", FAILED), ("unreachable", INCONCLUSIVE)])
    def test_each_mode_on_each_port(self, tmp_path: Path, mode: Any, outcome: Any, expected: Any) -> None:
        verdict = mtls_case(mtls_events(**{mode: outcome})).judge(tmp_path)
        assert verdict.outcome is expected

    def test_violations_are_counted_once_each(self, tmp_path: Path) -> None:
        events = mtls_events(plaintext="accepted", tls1_2="accepted")
        events.append(handshake(PORTS[0], "plaintext", "accepted"))
        events.append(handshake(PORTS[0], "plaintext", "refused"))
        assert known(mtls_case(events).judge(tmp_path)).hi == 2

    def test_an_accepted_handshake_fails_even_where_coverage_is_missing(self, tmp_path: Path) -> None:
        assert mtls_case([handshake(PORTS[0], "plaintext", "accepted")]).judge(tmp_path).outcome is FAILED

    @pytest.mark.parametrize(
        ("events", "reason"),
        [
            ([e for e in mtls_events() if e["kind"] != "coverage"], "does not say which ports"),
            ([e for e in mtls_events() if e.get("pod") != "redis-0"], "did not refuse plaintext"),
            ([e for e in mtls_events() if e.get("mode") != "mesh"], "did not serve the mesh"),
            ([{**e, "peer_identity": None} if e.get("mode") == "mesh" else e for e in mtls_events()], "did not serve"),
            ([{**e, "outcome": "refused"} if e.get("mode") == "mesh" else e for e in mtls_events()], "did not serve"),
            ([], "does not say which ports"),
        ],
    )
    def test_what_was_not_looked_at_is_inconclusive(self, tmp_path: Path, events: Any, reason: Any) -> None:
        verdict = mtls_case(events).judge(tmp_path)
        assert (verdict.outcome, reason in verdict.reason) == (INCONCLUSIVE, True), verdict.reason


class TestDisruption:
    """The statistic pods_kept_percent."""

    def test_the_boundary_of_every_tier_passes(self, tmp_path: Path) -> None:
        verdict = pdb_case().judge(tmp_path)
        assert verdict.outcome is PASSED
        assert verdict.extra == {"kept_percent": {"app": 66.7, "api": 66.7, "worker": 66.7}}
        assert known(verdict).lo == pytest.approx(200 / 3)
        assert verdict.margin == pytest.approx(2 / 3, abs=1e-5)

    @pytest.mark.parametrize(
        ("statuses", "reason"),
        [
            ({"app": [201] * 4}, "eviction 4 of 9 pods in tier app was admitted"),
            ({"api": [201] * 3}, "eviction 3 of 6 pods in tier api was admitted"),
        ],
    )
    def test_one_eviction_too_many_fails_with_the_fix(self, tmp_path: Path, statuses: Any, reason: Any) -> None:
        verdict = pdb_case(pdb_events(**statuses)).judge(tmp_path)
        assert (verdict.outcome, verdict.reason) == (FAILED, reason)
        assert "minAvailable: 66%" in str(verdict.fix)

    def test_one_too_many_fails_even_if_pods_never_ran_short(self, tmp_path: Path) -> None:
        events = [e for e in pdb_events(app=[201] * 4) if not (e["kind"] == "ready" and e["ready"] == 5)]
        verdict = pdb_case(events).judge(tmp_path)
        assert verdict.outcome is FAILED
        assert verdict.margin is not None
        assert verdict.margin > 0

    def test_one_refused_too_soon_fails_because_drains_would_hang(self, tmp_path: Path) -> None:
        verdict = pdb_case(pdb_events(app=[201, 201, 429])).judge(tmp_path)
        assert (verdict.outcome, "drain" in verdict.reason) == (FAILED, True)

    def test_one_refused_while_other_pods_are_missing_is_inconclusive(self, tmp_path: Path) -> None:
        events = [*pdb_events(app=[201, 201, 429]), ready(1.015, "app", 6)]
        assert pdb_case(events).judge(tmp_path).outcome is INCONCLUSIVE

    def test_one_more_after_a_replacement_came_is_inconclusive(self, tmp_path: Path) -> None:
        events = [*pdb_events(app=[201] * 4), ready(1.01, "app", 7), ready(1.02, "app", 8)]
        verdict = pdb_case(events).judge(tmp_path)
        assert (verdict.outcome, "replacement" in verdict.reason) == (INCONCLUSIVE, True)

    def test_too_few_ready_pods_fail_though_the_boundary_held(self, tmp_path: Path) -> None:
        verdict = pdb_case([*pdb_events(), ready(5, "app", 5)]).judge(tmp_path)
        assert verdict.outcome is FAILED
        assert known(verdict).lo == pytest.approx(500 / 9)

    def test_scaling_the_wish_down_does_not_help(self, tmp_path: Path) -> None:
        verdict = pdb_case([*pdb_events(), ready(5, "app", 5, desired=5)]).judge(tmp_path)
        assert verdict.outcome is FAILED

    @pytest.mark.parametrize(
        ("events", "reason"),
        [
            (pdb_events(app=[201] * 3), "the one to be refused was not"),
            (pdb_events(app=[201, 500]), "answered 500"),
            (pdb_events(worker=[]), "no pod of tier worker was evicted"),
            ([*pdb_events(), ready(0, "app", 8)], "had 8 of 9 pods ready before"),
            ([e for e in pdb_events() if not (e["kind"] == "ready" and e["t"] < T0)], "not watched before"),
            ([e for e in pdb_events() if not (e["kind"] == "ready" and e["t"] > T0)], "watch saw no change"),
            (
                [e for e in pdb_events() if not (e["kind"] == "ready" and e["tier"] == "app" and e["t"] > T0 + 2)],
                "3 pods of tier app were evicted in a row, and the watch saw 8 of 9 ready at the least: it missed some",
            ),
            ([e for e in pdb_events() if e["kind"] != "eviction"], "no pod of tier app was evicted"),
        ],
    )
    def test_what_was_not_tried_or_seen_is_inconclusive(self, tmp_path: Path, events: Any, reason: Any) -> None:
        verdict = pdb_case(events).judge(tmp_path)
        assert (verdict.outcome, reason in verdict.reason) == (INCONCLUSIVE, True), verdict.reason
        assert verdict.fix

    def test_later_evictions_of_a_drain_are_free(self, tmp_path: Path) -> None:
        assert pdb_case([*pdb_events(), eviction(20, "app", 201)]).judge(tmp_path).outcome is PASSED


class TestFix:
    """What a failure of ejection_s advises, in numbers."""

    @pytest.mark.parametrize(
        ("tier", "desired", "pods", "least"),
        [("app", 9, 1, "1 of 9 replicas: at least 12"), ("app", 6, 1, "1 of 6 replicas: at least 17"),
         ("app", 9, 3, "3 of 9 replicas: at least 34"), ("worker", 9, 1, "1 of n replicas: at least 100 / n"),
         ("app", 1, 2, "2 of n replicas: at least 200 / n")],
    )  # fmt: skip
    def test_the_least_percentage_is_worked_out(
        self, tmp_path: Path, tier: str, desired: int, pods: int, least: str
    ) -> None:
        events = ejections(1, 2)
        events[1] = {**events[1], "target": {"pods": [f"shop/app-{n}" for n in range(pods)]}}
        verdict = ejection_case(events=[*events, ready(-6, tier, desired, desired)]).judge(tmp_path)
        assert (verdict.outcome, str(verdict.fix).endswith(f"maxEjectionPercent admits {least}")) == (FAILED, True)
