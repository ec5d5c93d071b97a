"""targets.toml: the real one is sound, and each way to write it wrong is named with its fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reports.judge.registry import STATISTICS, Measurement, statistic
from reports.judge.statistics.traffic import RecoveryParameters
from reports.targets import TargetProblem, load_targets

if TYPE_CHECKING:
    from pathlib import Path

    from reports.model import Target
    from reports.record import CaseRecord

GOOD = """
[[target]]
id = "mesh.ejection"
promise = "p"
source = "s"
experiment = "mesh/ejection"
statistic = "ejection_s"
limit = 60
unit = "s"
relation = "<"
"""


def problem(tmp_path: Path, text: Any) -> Any:
    path = tmp_path / "targets.toml"
    path.write_text(text)
    with pytest.raises(TargetProblem) as caught:
        load_targets(path)
    assert caught.value.fix
    return str(caught.value)


def test_the_real_targets() -> None:
    targets = load_targets()
    assert {t.id: (t.relation, t.limit, t.unit) for t in targets} == {
        "mesh.ejection": ("<", 60, "s"),
        "mesh.ejection_api": ("<", 60, "s"),
        "mesh.ejection_connections": ("<", 60, "s"),
        "mesh.zone_isolation": ("<", 60, "s"),
        "mesh.ejection_threshold": ("==", 3, "errors"),
        "mesh.ejection_hold": (">=", 300, "s"),
        "mesh.ejection_timeout": ("<", 60, "s"),
        "mesh.retry": ("==", 0, "errors"),
        "mesh.retry_backoff": (">=", 50, "%"),
        "mesh.retry_timeout": ("<", 30, "s"),
        "mesh.connection_pool": ("<=", 100, "connections"),
        "mesh.rate_limit": ("==", 0, "violations"),
        "mesh.mtls": ("==", 0, "violations"),
        "mesh.canary": ("~", 10, "%"),
        "mesh.ab": ("==", 0, "requests"),
        "mesh.blue_green": ("==", 0, "requests"),
        "mesh.zone_routing": ("~", 80, "%"),
        "mesh.round_robin": (">=", 90, "%"),
        "mesh.least_request": ("<", 100, "%"),
        "mesh.authorization": ("==", 0, "violations"),
        "mesh.egress": ("==", 0, "violations"),
        "mesh.metrics": ("==", 0, "metrics"),
        "mesh.lb_latency": ("<", 10, "ms"),
        "ha.pdb": (">=", 66, "%"),
        "ha.failover_traffic": ("<", 300, "s"),
        "ha.failover_capacity": ("<", 300, "s"),
        "trace.sampling_default": ("~", 10, "%"),
        "trace.sampling_critical": ("==", 0, "requests"),
        "trace.propagation": ("==", 0, "requests"),
        "trace.storage": ("==", 0, "traces"),
        "trace.protocols": ("==", 0, "protocols"),
        "trace.hotrod": ("==", 0, "dispatches"),
        "trace.metrics": ("==", 0, "services"),
        "trace.collectors": ("==", 0, "traces"),
        "trace.autoscaling": ("<=", 120, "s"),
        "trace.collector_crash": ("<=", 1, "s"),
        "dr.rpo": ("<", 3600, "s"),
        "dr.rto_pv": ("<", 3600, "s"),
        "alert.pod_availability": ("<=", 85, "s"),
        "alert.circuit_breaker": ("<=", 60, "s"),
    }
    assert all(target.controls for target in targets)
    assert {target.statistic for target in targets} == set(STATISTICS)
    assert len(targets.of_experiment("high_availability/zone_outage")) == 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"ejection_s"', '"ejecton_s"', "unknown statistic 'ejecton_s'\n  fix: did you mean ejection_s?"),
        ('"ejection_s"', '"zzz"', "capacity_recovery_s"),
        ('"<"', '">"', "unknown relation '>'"),
        ('relation = "<"', "", "unknown relation None"),
        ("limit = 60", 'limit = "x"', "limit"),
        ("limit = 60", "limit = inf", "limit"),
        ('unit = "s"', 'unit = "s"\nlimits = 3', "limits is not known\n  fix: did you mean limit?"),
        (
            'unit = "s"',
            'unit = "s"\nparameters = { callerz = [] }',
            "target mesh.ejection: parameters.callerz is not known\n  fix: did you mean callers?",
        ),
        (
            'unit = "s"',
            'unit = "s"\nparameters = { told_from = [5] }',  # of another statistic
            "parameters.told_from is not known\n  fix: known are callers, clean_tail_s, lag_s_max, samples_min",
        ),
        ('unit = "s"', 'unit = "s"\nparameters = { clean_tail_s = 0 }', "parameters.clean_tail_s: Input should be"),
        ('"ejection_s"', '"ejection_alert_s"', "parameters.alert is missing\n  fix: add alert to that target"),
        ('source = "s"\n', "", "source is missing"),
        ('promise = "p"', 'promise = ""', "promise"),
        ('"mesh.ejection"', '"ejection"', "id"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, old: Any, new: Any, words: Any) -> None:
    assert words in problem(tmp_path, GOOD.replace(old, new, 1))


def test_an_id_may_stand_once(tmp_path: Path) -> None:
    assert "stands 2 times" in problem(tmp_path, GOOD + GOOD)


@pytest.mark.parametrize("text", ["", "target = 3", "[[target", "[target]"])
def test_what_is_no_list_of_targets(tmp_path: Path, text: Any) -> None:
    problem(tmp_path, text)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(TargetProblem, match="cannot be read"):
        load_targets(tmp_path / "none.toml")


def test_an_unknown_id_suggests_the_nearest() -> None:
    with pytest.raises(TargetProblem, match=r"did you mean mesh\.ejection"):
        load_targets()["mesh.ejecton"]


def test_two_statistics_of_one_name_are_refused() -> None:
    def ejection_s(_record: CaseRecord, _target: Target[RecoveryParameters]) -> Measurement:
        raise AssertionError

    with pytest.raises(ValueError, match="two statistics"):
        statistic(RecoveryParameters)(ejection_s)
