"""A case's record and the targets in, verdicts out. Pure, and it never raises: a judge that crashed says `error`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reports.judge import statistics
from reports.judge.attainability import weighed
from reports.judge.preconditions import Finding, aftermath, findings
from reports.judge.registry import STATISTICS, Inconclusive, Measurement, Statistic
from reports.model import STARVED, Interval, Outcome, Parameters, Relation, Target, Verdict, compose, figure
from reports.problem import ReportProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.record import CaseRecord
    from reports.targets import Targets

_OUR_BUG = "report it with the case's folder: no record may do that"

__all__ = ["compose", "decide", "judge_case", "margin", "statistics"]


def judge_case(record: CaseRecord, targets: Targets) -> list[Verdict]:
    """One verdict for every target the case names; a case that names none is judged by its experiment's targets."""
    named = record.case.targets or [target.id for target in targets.of_experiment(record.case.experiment)]
    return [_verdict(record, target_id, targets) for target_id in named]


def decide(relation: Relation, interval: Interval, limit: float) -> Outcome:
    """Whether a figure keeps a limit: by its unfavourable end; "~" by whether its confidence interval holds the limit.

    An upper end that was not seen keeps nothing; it breaks an upper limit only if the lower end does so already,
    and is inconclusive otherwise.
    """
    lo, hi = interval.lo, interval.hi
    holds = interval.ended and interval.holds(limit)
    kept = {"<": hi < limit, "<=": hi <= limit, ">=": lo >= limit, "==": lo == hi == limit, "~": holds}[relation]
    if kept:
        return Outcome.PASSED
    surely_broken = {"<": lo >= limit, "<=": lo > limit, ">=": True, "==": lo > limit, "~": True}[relation]
    return Outcome.FAILED if interval.ended or surely_broken else Outcome.INCONCLUSIVE


def margin(relation: Relation, interval: Interval, limit: float) -> float | None:
    """Distance of the unfavourable end to the limit, negative when broken; None when that end is not known."""
    over, under = limit - interval.hi, interval.lo - limit
    distance = {">=": under, "~": min(-over, -under)}.get(relation, over)
    return round(distance, 6) if math.isfinite(distance) else None


def _verdict(record: CaseRecord, target_id: str, targets: Targets) -> Verdict:
    try:
        target = targets[target_id]
    except ReportProblem as unknown:
        return Verdict(
            target_id, record.case.case, record.case.control, Outcome.ERROR, unknown.what, fix=unknown.fix or None
        )
    statistic = STATISTICS[target.statistic]
    try:
        found = findings(record, target, statistic)
        return _stopped(record, target, found) if found else _measured(record, target, statistic)
    except Inconclusive as reason:
        return _stopped(record, target, (Finding(Outcome.INCONCLUSIVE, reason.reason, reason.fix, reason.starved),))
    except Exception as bug:  # noqa: BLE001 - a judge that crashes must never look like a pass, nor hide other verdicts
        return _stopped(
            record, target, (Finding(Outcome.ERROR, f"the judge failed: {type(bug).__name__}: {bug}", _OUR_BUG),)
        )


def _stopped(record: CaseRecord, target: Target[Parameters], found: Sequence[Finding]) -> Verdict:
    """No figure: the worst finding is the reason, the others are listed."""
    worst = compose(finding.outcome for finding in found)
    first = next(finding for finding in found if finding.outcome == worst)
    also = [finding.reason for finding in found if finding is not first]
    extra: dict[str, object] = {"also": also} if also else {}
    if all(finding.starved for finding in found):
        extra[STARVED] = True
    return _of(
        record,
        target,
        outcome=worst,
        reason=first.reason,
        fix=first.fix,
        files=("journal.json", "events.ndjson"),
        extra=extra,
    )


def _measured(record: CaseRecord, target: Target[Parameters], statistic: Statistic) -> Verdict:
    measurement = statistic.measure(record, target)
    outcome = decide(target.relation, measurement.interval, target.limit)
    shown = figure(measurement.interval, target.unit)
    reason = f"measured {shown}, allowed {target.allowed}" + (f" ({measurement.detail})" if measurement.detail else "")
    fix = measurement.fix if outcome is not Outcome.PASSED else ""
    extra = dict(measurement.extra)
    if outcome is Outcome.INCONCLUSIVE:
        reason = f"the fault was held shorter than the limit: not over after {shown}, allowed {target.allowed}" + (
            f" ({measurement.detail})" if measurement.detail else ""
        )
        fix = "hold the fault longer than the limit"
    if measurement.broken:
        outcome, fix = Outcome.FAILED, measurement.broken[0].fix
        reason = "; ".join(broken.reason for broken in measurement.broken)
    if outcome is Outcome.PASSED and (later := aftermath(record)):
        outcome, reason, fix = later[0].outcome, f"{later[0].reason}; {reason}", later[0].fix
    outcome, reason, fix = weighed(record, target.id, outcome, reason, fix)
    return _of(
        record,
        target,
        outcome=outcome,
        reason=reason,
        fix=fix,
        files=("journal.json", *measurement.files),
        extra=extra,
        measurement=measurement,
    )


def _of(
    record: CaseRecord,
    target: Target[Parameters],
    *,
    outcome: Outcome,
    reason: str,
    fix: str,
    files: tuple[str, ...],
    extra: dict[str, object],
    measurement: Measurement | None = None,
) -> Verdict:
    interval = measurement.interval if measurement else None
    missing = {defect.file for defect in record.defects if defect.kind == "missing"}
    return Verdict(
        target=target.id,
        case=record.case.case,
        control=record.case.control,
        outcome=outcome,
        reason=reason,
        measured=interval,
        promise=target.promise,
        allowed=target.limit,
        relation=target.relation,
        unit=target.unit,
        margin=margin(target.relation, interval, target.limit) if interval else None,
        evidence=tuple(record.file(name) for name in files if name not in missing),
        fix=fix or None,
        extra=extra,
    )
