"""Alerts are judged by who heard of them, when, and what was heard before and after: good records and spoilt ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reports.model import Outcome, Verdict
from tests.unit.records import T0, Case, ejection, journal, known, ready
from tests.unit.records_alerting import EVERYBODY, alert, availability, breaker, probe


def judged(tmp_path: Path, events: list[dict[str, Any]]) -> Verdict:
    return Case("alerts/pod_availability", ["alert.pod_availability"], events, journal()).judge(tmp_path)


def without(events: list[dict[str, Any]], **fields: Any) -> list[dict[str, Any]]:
    return [event for event in events if not fields.items() <= event.items()]


def test_the_figure_runs_from_the_injection_to_the_last_channel(tmp_path: Path) -> None:
    verdict = judged(tmp_path, availability())
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert known(verdict).lo == pytest.approx(53)
    assert known(verdict).hi == pytest.approx(61)


def test_told_too_late_is_broken(tmp_path: Path) -> None:
    assert judged(tmp_path, availability(fired_s=190)).outcome is Outcome.FAILED


@pytest.mark.parametrize("channel", EVERYBODY)
def test_one_channel_that_is_never_told_breaks_it(tmp_path: Path, channel: str) -> None:
    verdict = judged(tmp_path, without(availability(), by=channel, name="PodAvailabilityLow"))
    assert verdict.outcome is Outcome.FAILED
    assert f"never told: {channel};" in verdict.reason


def test_blind_monitoring_breaks_it(tmp_path: Path) -> None:
    events = [event for event in availability() if event["kind"] != "alert"]
    events += [probe(), *(alert(t, "inactive", name="PodAvailabilityLow", severity="critical") for t in (-2, 400))]
    verdict = judged(tmp_path, events)
    assert verdict.outcome is Outcome.FAILED
    assert "never even pending" in verdict.reason


def test_an_alert_at_six_of_nine_breaks_it_even_if_five_are_told_in_time(tmp_path: Path) -> None:
    early = alert(70, "firing", name="PodAvailabilityLow", severity="critical")
    verdict = judged(tmp_path, [*availability(), early])
    assert verdict.outcome is Outcome.FAILED
    assert "before there was anything to tell" in verdict.reason


def test_another_severity_breaks_it(tmp_path: Path) -> None:
    verdict = judged(tmp_path, availability(severity="warning"))
    assert verdict.outcome is Outcome.FAILED
    assert "not critical" in verdict.reason


def test_never_or_late_called_off_breaks_it(tmp_path: Path) -> None:
    late = judged(tmp_path / "late", availability(resolved_s=310))
    never = judged(tmp_path / "never", without(availability(), state="resolved", by="email"))
    flaps = judged(tmp_path / "flaps", [*availability(), alert(200, "resolved", "slack", "PodAvailabilityLow")])
    assert [late.outcome, never.outcome, flaps.outcome] == [Outcome.FAILED] * 3
    assert "email was not told within 75 s" in never.reason
    assert "while the fault went on" in flaps.reason


def test_a_watch_that_ended_too_soon_proves_nothing_of_the_end(tmp_path: Path) -> None:
    events = [event for event in availability() if event["kind"] != "alert" or event["t"] < T0 + 250]
    verdict = judged(tmp_path, events)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "watch ended" in verdict.reason


@pytest.mark.parametrize(
    ("dropped", "reason"),
    [
        ({"kind": "ready", "ready": 5}, "never seen to have 5 of 9"),
        ({"kind": "ready", "ready": 6}, "did not have 6 of 9"),
        ({"kind": "ready", "t": T0 - 5}, "not whole"),
        ({"kind": "alert", "name": "ReceiverProbe"}, "alive"),
        ({"kind": "alert", "by": "prometheus"}, "not asked"),
        ({"fault": "three"}, "no phase in which the alert must be silent"),
    ],
)
def test_what_is_not_proven_is_inconclusive(tmp_path: Path, dropped: dict[str, Any], reason: str) -> None:
    verdict = judged(tmp_path, without(availability(), **dropped))
    assert verdict.outcome is Outcome.INCONCLUSIVE, verdict.reason
    assert reason in verdict.reason


def test_six_of_nine_that_were_not_held_long_enough_prove_no_silence(tmp_path: Path) -> None:
    verdict = judged(tmp_path, [*availability(), ready(60, "app", 7), ready(61, "app", 6)])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "49 s only" in verdict.reason


def test_a_replica_that_comes_back_too_soon_proves_nothing(tmp_path: Path) -> None:
    verdict = judged(tmp_path, [*availability(), ready(150, "app", 6)])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "ready again" in verdict.reason


def test_the_figure_runs_from_the_first_ejection(tmp_path: Path) -> None:
    verdict = breaker().judge(tmp_path)
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert known(verdict).hi == pytest.approx(49.5)


def test_a_warning_that_wakes_somebody_breaks_it(tmp_path: Path) -> None:
    verdict = breaker(("slack", "pagerduty")).judge(tmp_path)
    assert verdict.outcome is Outcome.FAILED
    assert "went to pagerduty as well" in verdict.reason


def test_an_ejection_that_is_told_too_late_breaks_it(tmp_path: Path) -> None:
    assert breaker(fired_s=60).judge(tmp_path).outcome is Outcome.FAILED


def test_without_an_ejection_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert breaker(ejected=False).judge(tmp_path).outcome is Outcome.INCONCLUSIVE


def others(*ends: float, host: str = "app-3", client: str = "caller") -> list[dict[str, Any]]:
    """Another replica that a client ejects at 90, and lets in again."""
    ended = [ejection(client, end, host) | {"kind": "ejection.ended"} for end in ends]
    return [ejection(client, 90, host), *ended]


def late_breaker(*more: dict[str, Any]) -> Case:
    """Called off 300 s after the fault's end, Prometheus having fired for 260 s of them."""
    case = breaker()
    events = [event for event in case.events if event["kind"] != "alert" or event["t"] <= T0 + 100]
    name, severity = "CircuitBreakerEjecting", "warning"
    events.append(alert(70, "firing", name=name, severity=severity, about=["destination=app.shop"]))
    events += [alert(t, "inactive", name=name, severity=severity) for t in (360, 460)]
    events.append(alert(400, "resolved", "slack", name))
    return Case(case.experiment, case.targets, [*events, *more], case.journal)


def test_an_alert_that_goes_on_after_the_fault_says_of_what(tmp_path: Path) -> None:
    verdict = late_breaker().judge(tmp_path)
    assert verdict.outcome is Outcome.FAILED
    assert "told after 300 s that it is over, allowed 70 s" in verdict.reason
    assert "in Prometheus it fired of destination=app.shop until 260 s after the end" in verdict.reason


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        (others(350), Outcome.PASSED),
        (others(320), Outcome.FAILED),  # 80 s after it was let in again
        (others(350, host="app-0"), Outcome.FAILED),  # the bad one, which was replaced
        ([*others(), *others(350, client="gw")[1:]], Outcome.INCONCLUSIVE),  # let in by somebody else
    ],
    ids=["let-in-last", "long-let-in", "the-bad-one", "by-another-client"],
)
def test_as_long_as_another_replica_is_out_there_is_something_to_tell(
    tmp_path: Path, more: list[dict[str, Any]], outcome: Outcome
) -> None:
    verdict = late_breaker(*more).judge(tmp_path)
    assert verdict.outcome is outcome, verdict.reason


def test_who_else_was_out_after_the_fault_is_told(tmp_path: Path) -> None:
    case = late_breaker(*others(350), *others(98, client="gw"))
    assert case.judge(tmp_path).extra["others_out_until_s"] == {"app-3 by caller": 249.5}
    assert "others_out_until_s" not in breaker().judge(tmp_path / "nobody").extra


def test_another_replica_that_is_never_let_in_again_proves_nothing_of_the_end(tmp_path: Path) -> None:
    verdict = late_breaker(*others()).judge(tmp_path)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "caller kept app-3 out until the watch ended" in verdict.reason


def test_called_off_while_another_replica_is_out_is_broken(tmp_path: Path) -> None:
    case = breaker()
    verdict = Case(case.experiment, case.targets, [*case.events, *others(200)], case.journal).judge(tmp_path)
    assert verdict.outcome is Outcome.FAILED
    assert "while" in verdict.reason
