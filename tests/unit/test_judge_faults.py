"""A fault counts when an independent observer saw it act and it was seen to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Outcome
from tests.unit.records import T0, ejection_case

if TYPE_CHECKING:
    from pathlib import Path


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
    stale = {"t": T0 - 5, "kind": "fault.ended", "fault": "bad-replica", "lo": T0 - 6, "hi": T0 - 5}
    verdict = ejection_case(events=[*without("fault.ended"), stale]).judge(tmp_path)
    assert verdict.reason == "not healed: bad-replica was never seen to end"


def second(begin: float, end: float, name: str = "other") -> list[dict[str, Any]]:
    """Another fault, proven and ended like the first."""
    times = {"fault.started": (begin, begin + 0.1), "fault.ended": (end, end + 0.1)}
    events: list[dict[str, Any]] = [
        {"t": T0 + hi, "kind": kind, "fault": name, "lo": T0 + lo, "hi": T0 + hi} for kind, (lo, hi) in times.items()
    ]
    events[0]["target"] = {"pod": "shop/app-0"}
    return [*events, {**proof(acted=True, by="x", t=T0 + begin + 0.2), "fault": name}]


@pytest.mark.parametrize(("begin", "end"), [(50, 60), (-5, 200), (89, 120), (-5, 1)])
def test_a_second_fault_in_the_same_window_is_inconclusive(tmp_path: Path, begin: float, end: float) -> None:
    verdict = ejection_case(events=[*ejection_case().events, *second(begin, end)]).judge(tmp_path)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "what was seen has two causes" in verdict.reason


def test_a_fault_that_begins_when_the_first_has_ended_is_no_second_cause(tmp_path: Path) -> None:
    verdict = ejection_case(events=[*ejection_case().events, *second(90.2, 91)]).judge(tmp_path)
    assert "two causes" not in verdict.reason


def test_a_fault_of_another_name_does_not_end_this_one(tmp_path: Path) -> None:
    """An end is paired by name: two faults that began in the same instant are two."""
    events = [*ejection_case().events, *second(0, 60)[:1], *second(0, 60)[2:]]
    verdict = ejection_case(events=events).judge(tmp_path)
    assert verdict.reason == "not healed: other was never seen to end"


def test_a_watcher_that_died_proves_nothing(tmp_path: Path) -> None:
    died = {"t": T0 + 20, "kind": "watcher.died", "watcher": "ejection watcher of gw-0", "error": "OSError: broken"}
    verdict = ejection_case(events=[*ejection_case().events, died]).judge(tmp_path)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "ejection watcher of gw-0 stopped early: OSError: broken"
