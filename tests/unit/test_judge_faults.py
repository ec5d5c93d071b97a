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
    stale = {"t": T0 - 50, "kind": "fault.ended", "fault": "bad-replica", "lo": T0 - 51, "hi": T0 - 50}
    verdict = ejection_case(events=[*without("fault.ended"), stale]).judge(tmp_path)
    assert verdict.reason == "not healed: bad-replica was never seen to end"
