"""Why a record may prove nothing: reasons that hold for every target, found before any figure is computed.

Chaos Toolkit's own `status` is never read. It says `completed` when the method was skipped because the steady state
did not hold, when an action raised, and when an action changed nothing; each of these is a finding here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from reports.events import FaultIntent, FaultProof, FaultStarted, Pressure
from reports.journal import Journal
from reports.judge.attainability import best, not_injected, out_of_reach
from reports.judge.faults import all_windows, cut_zones, unhealed, witnesses
from reports.judge.registry import Statistic
from reports.judge.steady import method_misses, missed
from reports.model import CallerParameters, Outcome, Parameters, Target
from reports.reader import SLACK_S
from reports.record import Caller, CaseRecord
from reports.surroundings import WatcherDied, Weakening

# A request that goes out late sees late: its lag is the resolution of the figure. For a target in seconds a hundredth
# of the limit is good enough; for anything else (ms, %, counts) a quarter of a second is.
LAG_P99_S_MAX = 0.250
LAG_SHARE_OF_LIMIT_MAX = 0.01
# Figures begin with the fault: what went out late while the experiment was starting tells nothing of them.
LEAD_S = 5.0
SENT_RATIO_MIN = 0.95
PRESSURE_PERCENT_MAX = 50.0
_LOG = "see chaos.log of the case, then run it again"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason not to believe a figure, with what would remove it.

    Attributes:
        starved: the machine had no time for us, which may be otherwise next time.
    """

    outcome: Outcome
    reason: str
    fix: str
    starved: bool = False


type Check = Callable[[CaseRecord, Target[Parameters], Statistic], Iterator[Finding]]


def findings(record: CaseRecord, target: Target[Parameters], statistic: Statistic) -> tuple[Finding, ...]:
    """Every reason why this record must not be measured; none means that a figure can be believed."""
    if not_injected(record) and (told := out_of_reach(record, target.id)):
        return (_inconclusive(f"not attainable, so nothing was injected: {best(told)}", told.fix),)
    return tuple(finding for check in CHECKS for finding in check(record, target, statistic))


def aftermath(record: CaseRecord) -> tuple[Finding, ...]:
    """Reasons that take away a pass and leave a failure as it is.

    No target promises what else the system did, so a steady state that was lost on the way, or did not come back,
    cannot fail one; but a figure taken from a system that was falling apart is not green either.
    """
    return tuple(_troubles(record.journal)) if record.journal else ()


def _troubles(journal: Journal) -> Iterator[Finding]:
    declared, states = journal.experiment.steady_state.probes, journal.steady_states
    if miss := missed(states.after, declared):
        yield _inconclusive(
            f"the steady state did not hold again after the fault was undone: {miss}",
            "see the case's last samples and events; the system may need longer, or may never have recovered",
        )
    dips = [miss for look in states.during if (miss := missed(look, declared))]
    if dips:
        yield _inconclusive(
            f"the steady state was lost in {len(dips)} of {len(states.during)} looks while the method was played: "
            f"{dips[0]}",
            "look at the steady state only before and after, if the fault may disturb it",
        )
    if journal.experiment.looks_during and not states.during:
        yield _inconclusive("the steady state was to be looked at while the method was played, and never was", _LOG)
    for miss in method_misses(journal.run, journal.experiment.method):
        yield _inconclusive(f"a probe of the method was not within its tolerance: {miss}", "see that probe")


def record_is_whole(record: CaseRecord, _target: Target[Parameters], statistic: Statistic) -> Iterator[Finding]:
    """case.json, journal.json and events.ndjson are there and readable; a torn last line is tolerated."""
    needed = {"case.json", "journal.json", "events.ndjson"}
    needed |= {caller.file for caller in record.callers} if statistic.uses_callers else set()
    for defect in record.defects:
        if defect.file not in needed or defect.kind == "torn":
            continue
        detail = f": {defect.detail}" if defect.detail else ""
        if defect.kind == "disordered":
            yield _inconclusive(f"the clock of {defect.file} went backwards{detail}", "run the experiment again")
        else:
            yield Finding(Outcome.ERROR, f"{defect.file} is {defect.kind}{detail}", _LOG)


def baseline_held(record: CaseRecord, _target: Target[Parameters], _statistic: Statistic) -> Iterator[Finding]:
    """The steady state held before the method, and the method ran."""
    if record.journal is None:
        return
    before = record.journal.steady_states.before
    if miss := missed(before, record.journal.experiment.steady_state.probes):
        yield _inconclusive(f"baseline not met: {miss}", "mend the system first; the fault was never injected")
    elif not record.journal.run:
        yield _inconclusive("baseline not met: the method never ran", _LOG)


def activities_succeeded(record: CaseRecord, _target: Target[Parameters], _statistic: Statistic) -> Iterator[Finding]:
    """Every activity of the method was played to its end, and none raised."""
    if record.journal is None or not record.journal.run:
        return
    played = [activity.name for activity in record.journal.run]
    declared = [step.name for step in record.journal.experiment.method]
    for activity in record.journal.run:
        if activity.status != "succeeded":
            text = next((line.strip() for line in reversed(activity.exception) if line.strip()), activity.status)
            yield Finding(Outcome.ERROR, f"{activity.type} {activity.name} did not succeed: {text}", _LOG)
    if len(played) < len(declared):
        yield Finding(Outcome.ERROR, f"the method stopped after {len(played)} of {len(declared)} activities", _LOG)
    elif played != declared:
        yield Finding(Outcome.ERROR, f"the method that was played is not the declared one: {', '.join(played)}", _LOG)


def actions_matched(record: CaseRecord, _target: Target[Parameters], _statistic: Statistic) -> Iterator[Finding]:
    """Every action returned what it changed; nothing means that it matched nothing."""
    for activity in record.journal.run if record.journal else ():
        if activity.type == "action" and activity.status == "succeeded" and _empty(activity.output):
            yield _inconclusive(
                f"action {activity.name} returned nothing: it matched nothing", "check its selector and arguments"
            )


def faults_acted(record: CaseRecord, _target: Target[Parameters], _statistic: Statistic) -> Iterator[Finding]:
    """Every fault was confirmed, and the last word of every independent observer is that it acted."""
    started = {event.fault for event in record.of(FaultStarted)}
    for fault in sorted({event.fault for event in record.of(FaultIntent)} - started):
        yield _inconclusive(f"{fault} was intended and never confirmed", _LOG)
    for fault in sorted(started):
        last = {proof.by: proof.acted for proof in record.of(FaultProof) if proof.fault == fault}
        if not last:
            yield _inconclusive(f"nothing proves that {fault} acted", "record fault.proof from an independent observer")
        for by in sorted(by for by, acted in last.items() if not acted):
            yield _inconclusive(f"{fault} did not act, says {by}", "see its target and what else undoes it")


def one_fault_at_a_time(record: CaseRecord, _target: Target[Parameters], statistic: Statistic) -> Iterator[Finding]:
    """No fault began while another one lasted: what was seen then would have two causes."""
    if statistic.faults_overlap:
        return
    for earlier, later in pairwise(sorted(all_windows(record), key=lambda window: window.started.lo)):
        if later.started.lo < earlier.ended.hi:
            yield _inconclusive(
                f"{later.fault} began while {earlier.fault} lasted: what was seen has two causes",
                "make heal, then run the experiment alone",
            )


def watched_to_the_end(record: CaseRecord, _target: Target[Parameters], _statistic: Statistic) -> Iterator[Finding]:
    """Nobody who watched stopped early: what was not seen afterwards may have happened."""
    for event in record.of(WatcherDied):
        yield _inconclusive(f"{event.watcher} stopped early: {event.error}", _LOG)


def faults_healed(record: CaseRecord, _target: Target[Parameters], _statistic: Statistic) -> Iterator[Finding]:
    """Every fault ended and every declared rollback was played and succeeded."""
    for fault in unhealed(record):
        yield _inconclusive(f"not healed: {fault} was never seen to end", "make heal")
    if record.journal is None:
        return
    played, declared = record.journal.rollbacks, record.journal.experiment.rollbacks
    skipped = Counter(step.name for step in declared) - Counter(activity.name for activity in played)
    if skipped:
        yield _inconclusive(
            f"not healed: {len(declared) - skipped.total()} of {len(declared)} rollbacks were played, "
            f"not {', '.join(skipped)}",
            "make heal, and set runtime.rollbacks.strategy: always",
        )
    for activity in played:
        if activity.status != "succeeded":
            yield _inconclusive(f"not healed: rollback {activity.name} {activity.status}", "make heal")


def weakening_stood(record: CaseRecord, _target: Target[Parameters], _statistic: Statistic) -> Iterator[Finding]:
    """What a negative control takes away was still away at the end: else it says nothing of the check."""
    for place in sorted({place for event in record.of(Weakening) for place in event.undone}):
        yield _inconclusive(
            f"the negative control did not stand until the end: {place}",
            "run it again, and deploy nothing meanwhile",
        )


def callers_kept_pace(record: CaseRecord, target: Target[Parameters], statistic: Statistic) -> Iterator[Finding]:
    """Callers that must be there are, sent what they planned, and sent it in time."""
    if not isinstance(target.parameters, CallerParameters):
        return
    heard = witnesses(record, cuts_zone=statistic.cuts_zone)
    excused = cut_zones(record) if statistic.cuts_zone else frozenset()
    missing = set(target.parameters.callers) - {caller.name for caller in heard} - excused
    for name in sorted(missing):
        yield _inconclusive(f"caller {name} left no samples", "see its log, and traffic.callers of the document")
    if not heard:
        yield _inconclusive("no caller left samples", "name callers in traffic.callers of the document")
    began = min((window.started.lo for window in all_windows(record)), default=-math.inf)
    for caller in heard:
        yield from _starved(caller, target.parameters.lag_s_max or lag_allowed_s(target), began - LEAD_S)


def users_were_there(record: CaseRecord, _target: Target[Parameters], _statistic: Statistic) -> Iterator[Finding]:
    """A document that asks for user load had it: a promise that held on an idle platform was not tested."""
    asked = record.journal.experiment.users if record.journal else 0
    if asked and (record.users is None or record.users.requests == 0):
        yield _inconclusive(f"{asked} Locust users were asked for and made no request", "see locust.log of the case")


def machine_was_free(record: CaseRecord, target: Target[Parameters], _statistic: Statistic) -> Iterator[Finding]:
    """Latency targets only (unit ms): the machine was not short of CPU while the fault lasted."""
    if target.unit != "ms":
        return
    windows = all_windows(record)
    seen = [
        event.cpu_some_avg10
        for event in record.of(Pressure)
        if any(window.started.lo <= event.t <= window.ended.hi for window in windows)
    ]
    if not seen:
        yield _inconclusive("nothing says whether the machine was short of CPU", "record pressure events")
    elif max(seen) > PRESSURE_PERCENT_MAX:
        yield _starving(f"the machine was short of CPU: something waited {max(seen):.0f} % of the time")


def lag_allowed_s(target: Target[Parameters]) -> float:
    """Returns how late (99th percentile, seconds) a caller's requests may go out for a figure of this kind."""
    return max(LAG_P99_S_MAX, LAG_SHARE_OF_LIMIT_MAX * target.limit) if target.unit == "s" else LAG_P99_S_MAX


def _starved(caller: Caller, lag_s_max: float, since: float = -math.inf) -> Iterator[Finding]:
    if caller.end is None:
        yield _inconclusive(
            f"caller {caller.name} did not finish: its samples have no end line", "run it again; it was killed"
        )
        return
    planned, sent = caller.end.planned, min(caller.end.sent, len(caller.samples))
    if len(caller.samples) < caller.end.sent:
        yield _inconclusive(
            f"{caller.end.sent - len(caller.samples)} samples of caller {caller.name} are missing", "run it again"
        )
    if planned <= 0 or sent < SENT_RATIO_MIN * planned:
        yield _starving(f"caller {caller.name} was starved: it sent {sent} of {planned} requests")
    if not caller.samples:
        return
    lags = sorted([sample.sent - sample.due for sample in caller.samples])
    if lags[0] < -SLACK_S or min([sample.done - sample.sent for sample in caller.samples]) < 0:
        yield _inconclusive(
            f"the clock of {caller.file} went backwards: a request ended before it began", "run the experiment again"
        )
    lags = sorted([sample.sent - sample.due for sample in caller.samples if sample.due >= since])
    if lags and (lag_s := lags[math.ceil(0.99 * len(lags)) - 1]) > lag_s_max:  # the 99th percentile, nearest rank
        how = f"1 % of its requests went out {lag_s * 1000:.0f} ms late or later"
        yield _starving(f"caller {caller.name} was starved: {how}")


def _empty(output: object) -> bool:
    if isinstance(output, dict):
        return all(_empty(value) for value in output.values())
    if isinstance(output, list | tuple):
        return all(_empty(value) for value in output)
    return not output


def _inconclusive(reason: str, fix: str) -> Finding:
    return Finding(Outcome.INCONCLUSIVE, reason, fix)


def _starving(reason: str) -> Finding:
    return Finding(Outcome.INCONCLUSIVE, reason, "free the machine", starved=True)


CHECKS: tuple[Check, ...] = (
    record_is_whole,
    baseline_held,
    activities_succeeded,
    actions_matched,
    faults_acted,
    one_fault_at_a_time,
    watched_to_the_end,
    faults_healed,
    weakening_stood,
    callers_kept_pace,
    users_were_there,
    machine_was_free,
)
