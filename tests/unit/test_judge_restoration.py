"""A database that lost its volumes: what was lost, what could have been, how long it took, and what proves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.judge import judge_case
from reports.model import Outcome
from reports.reader import read_case
from reports.targets import load_targets
from tests.unit.records import T0, known
from tests.unit.records_restoration import RATE_HZ, events, orders, phase, point, write

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


def case(tmp_path: Path, target: str, **changes: Any) -> Any:
    """Judges a record that was spoilt so."""
    return judged(write(tmp_path, [target], **changes))


def judged(folder: Path) -> Any:
    return judge_case(read_case(folder), load_targets())[0]


def newest(seconds: float) -> frozenset[str]:
    """The orders of so many last seconds before the destruction."""
    return frozenset(f"order-{i}" for i in range(int((10 - seconds) * RATE_HZ), 10 * RATE_HZ + 4))


def everything() -> frozenset[str]:
    """Every row of before the destruction."""
    return newest(10) | {f"old-{n}" for n in range(9)}


def silent(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The callers were not answered in the last seconds before the destruction."""
    return [{**row, "status": 404, "answer": None} if T0 - 2.4 < row["due"] < T0 + 0.1 else row for row in rows]


class TestLoss:
    """The statistic data_loss_s."""

    def test_without_a_loss_the_worst_case_of_the_settings_is_the_figure(self, tmp_path: Path) -> None:
        verdict = case(tmp_path, "dr.rpo")
        assert (verdict.outcome, known(verdict).hi) == (PASSED, 62.0)
        assert "worst case of log archive" in verdict.reason

    def test_the_oldest_lost_write_is_the_figure_when_it_is_older(self, tmp_path: Path) -> None:
        verdict = case(tmp_path, "dr.rpo", lost=newest(8), events=events(archive=point("log archive", 2.0)))
        assert verdict.outcome is PASSED
        assert known(verdict).hi == pytest.approx(8.1, abs=0.06)
        assert verdict.extra["ledger"]["lost"] == 322

    @pytest.mark.parametrize(
        "archive",
        [
            point("log archive", 0.0, works=False),
            point("log archive", 62.0, used=False),
        ],
        ids=["does not work", "was not used"],
    )
    def test_without_the_archive_the_schedule_is_the_figure(self, tmp_path: Path, archive: Any) -> None:
        verdict = case(tmp_path, "dr.rpo", lost=newest(5), events=events(archive=archive))
        assert (verdict.outcome, known(verdict).hi) == (FAILED, 3610.0)
        assert "worst case of base backup" in verdict.reason

    def test_what_stood_before_the_callers_began_is_not_forgotten(self, tmp_path: Path) -> None:
        verdict = case(tmp_path, "dr.rpo", stood={f"old-{n}": T0 - 4000 + n for n in range(5)}, lost=everything())
        assert verdict.outcome is FAILED
        assert known(verdict).hi > 3999
        assert "none of" in verdict.reason

    def test_a_hole_is_no_recovery_point(self, tmp_path: Path) -> None:
        verdict = case(tmp_path, "dr.rpo", lost=frozenset({"order-50"}))
        assert (verdict.outcome, "although later ones came back" in verdict.reason) == (FAILED, True)

    def test_a_write_of_after_the_recovery_must_be_there_too(self, tmp_path: Path) -> None:
        verdict = case(tmp_path, "dr.rpo", lost=frozenset({f"order-{(10 + 50) * RATE_HZ}"}))
        assert (verdict.outcome, "acknowledged after the recovery" in verdict.reason) == (FAILED, True)

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"rows": False}, "before.rows is missing"),
            ({"callers": {"orders": orders()[200:]}}, "300 are needed"),
            ({"callers": {"orders": silent(orders())}}, "no write was acknowledged in the last"),
            ({"events": [e for e in events() if e["kind"] != "fault.proof"]}, "nothing proves"),
            ({"events": [e for e in events() if e["kind"] != "recovery_point"]}, "how far apart recovery points are"),
            ({"events": [{**e, "used": False} for e in events()]}, "no source of recovery points"),
            ({"events": [{**e, "target": {}} for e in events()]}, "which volumes"),
            ({"events": [e for e in events() if e["kind"] != "rows_read"]}, "when the restored rows were read"),
        ],
    )
    def test_what_proves_nothing_is_inconclusive(self, tmp_path: Path, changes: Any, reason: str) -> None:
        verdict = case(tmp_path, "dr.rpo", **changes)
        assert (verdict.outcome, reason in verdict.reason) == (INCONCLUSIVE, True), verdict.reason

    def test_a_damaged_table_is_inconclusive(self, tmp_path: Path) -> None:
        case(tmp_path, "dr.rpo")
        folder = tmp_path / "disaster_recovery.volume_loss"
        (folder / "restored.rows").write_text("order-1\norder-2 7\n")
        assert judged(folder).outcome is INCONCLUSIVE


class TestRecovery:
    """The statistic data_recovery_s."""

    def test_it_lasts_until_writes_are_acknowledged_and_rows_verified(self, tmp_path: Path) -> None:
        verdict = case(tmp_path, "dr.rto_pv")
        assert verdict.outcome is PASSED
        assert known(verdict).hi == pytest.approx(70.0)
        assert "restored rows verified" in verdict.reason
        assert verdict.extra["phases_s"]["restore objects"] == 10

    def test_the_first_acknowledged_write_after_the_last_error_counts(self, tmp_path: Path) -> None:
        early = [{**e, "lo": T0 + 31, "hi": T0 + 32} if e["kind"] == "rows_read" else e for e in events()]
        early = [{**e, "lo": T0 + 31, "hi": T0 + 32} if e.get("name") == "verify" else e for e in early]
        verdict = case(tmp_path, "dr.rto_pv", events=early)
        assert (verdict.outcome, "acknowledged again" in verdict.reason) == (PASSED, True)
        assert known(verdict).hi == pytest.approx(40.011, abs=0.06)

    @pytest.mark.parametrize("name", ["restore objects", "restore bytes"])
    def test_a_restore_that_says_that_it_failed_fails(self, tmp_path: Path, name: str) -> None:
        failed = phase(name, 5, 80, outcome="failed", detail="ERROR: [039]: 403")
        unfinished = phase("verify", 80, 80, outcome="unfinished")
        verdict = case(tmp_path, "dr.rto_pv", back_s=999, rows=False, events=events(failed, unfinished))
        assert (verdict.outcome, f"{name} failed: ERROR: [039]" in verdict.reason) == (FAILED, True)

    def test_a_restore_that_was_not_over_in_time_is_inconclusive(self, tmp_path: Path) -> None:
        late = [phase("restore bytes", 5, 80, outcome="unfinished"), phase("verify", 80, 80, outcome="unfinished")]
        verdict = case(tmp_path, "dr.rto_pv", back_s=999, rows=False, events=events(*late))
        assert (verdict.outcome, known(verdict).ended) == (INCONCLUSIVE, False)

    def test_an_empty_database_is_no_recovery(self, tmp_path: Path) -> None:
        verdict = case(tmp_path, "dr.rto_pv", lost=everything())
        assert (verdict.outcome, "its bytes did not" in verdict.reason) == (FAILED, True)

    def test_errors_to_the_end_are_no_recovery(self, tmp_path: Path) -> None:
        verdict = case(tmp_path, "dr.rto_pv", back_s=85.0)
        assert (verdict.outcome, known(verdict).ended) == (INCONCLUSIVE, False)

    def test_a_destruction_that_nobody_noticed_proves_nothing(self, tmp_path: Path) -> None:
        verdict = case(tmp_path, "dr.rto_pv", back_s=0.0)
        assert (verdict.outcome, "saw no error" in verdict.reason) == (INCONCLUSIVE, True)
