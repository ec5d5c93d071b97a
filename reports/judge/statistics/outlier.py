"""How many errors in a row eject a replica, and how long it stays out: a client's own calls beside its proxy's flag."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from reports.clients import Asked
from reports.events import Ejection, FaultProof
from reports.judge.faults import FaultWindow, clients_of, fault_windows, hosts_of, let_in_again, witnesses
from reports.judge.registry import Broken, Inconclusive, Measurement, statistic
from reports.model import Interval, Parameters, SampledParameters, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.record import Caller, CaseRecord


class AskedParameters(Parameters):
    """Of the statistic that counts a single client's errors.

    Attributes:
        asked_min: requests after the errors, by which the client shows whether it still calls the replica.
    """

    asked_min: int = Field(default=30, ge=1)


class HoldParameters(SampledParameters):
    """Of the statistic that waits for an ejected replica.

    Attributes:
        back_s_max: seconds after its last error within which each client must have been served by it again.
    """

    back_s_max: float = Field(gt=0)


@dataclass(frozen=True, slots=True)
class _Trial:
    """So many errors in a row, and whether they ejected the replica."""

    errors: int
    ejected: bool

    def __str__(self) -> str:
        return f"{self.errors} in a row {'ejected' if self.ejected else 'did not eject'}"


@statistic(AskedParameters)
def errors_until_ejected(record: CaseRecord, target: Target[AskedParameters]) -> Measurement:
    """The number of errors in a row that ejects: one more than did not, and as many as did."""
    windows = fault_windows(record)
    ends = [*(window.started.lo for window in windows[1:]), math.inf]
    trials = [_trial(record, each, until, target.parameters) for each, until in zip(windows, ends, strict=True)]
    survived = max((trial.errors for trial in trials if not trial.ejected), default=0)
    fatal = min((trial.errors for trial in trials if trial.ejected), default=math.inf)
    told = ", ".join(map(str, trials))
    if survived >= fatal:
        raise Inconclusive(f"the trials contradict each other: {told}", "see the case's events: asked, ejection")
    interval = Interval(survived + 1, fatal)
    if interval.holds(target.limit) and interval.lo < interval.hi:
        raise Inconclusive(
            f"the number that ejects was not found: {told}",
            f"let a replica answer {target.limit - 1:g} errors, and then {target.limit:g}",
        )
    fix = f"consecutive5xxErrors: {target.limit:g} in the DestinationRule of the host"
    return Measurement(interval, ("events.ndjson",), detail=told, fix=fix)


def _trial(record: CaseRecord, window: FaultWindow, until: float, parameters: AskedParameters) -> _Trial:
    asked = [event for event in record.of(Asked) if window.started.lo <= event.lo < until]
    host = ", ".join(sorted(hosts_of(window)))
    client = _only_client(record, window, asked)
    first, *later = asked
    if not (errors := first.errors.get(host, 0)):
        raise Inconclusive(f"{client} met no error of {host}", "let it ask until it has met some")
    _row_began_here(record, window, client, host)
    _nobody_else_met_one(record, window, asked, host)
    if (count := sum(event.count for event in later)) < parameters.asked_min:
        raise Inconclusive(
            f"{client} asked {count} times after the errors, {parameters.asked_min} are needed", "let it ask more often"
        )
    called = sum(event.by(host) for event in later)
    flags = (event for event in record.of(Ejection) if (event.client, event.host) == (client, host))
    flagged = any(window.started.lo <= event.hi < until for event in flags)
    if flagged is (called > 0):
        raise Inconclusive(
            f"after {errors} errors {host} was called {called} times, and its flag was {'' if flagged else 'not '}seen",
            "see the case's events: asked, ejection",
        )
    return _Trial(errors, flagged)


def _only_client(record: CaseRecord, window: FaultWindow, asked: Sequence[Asked]) -> str:
    clients = {event.client for event in asked}
    if len(clients) != 1 or not clients <= clients_of(record, window):
        raise Inconclusive(
            f"{len(clients)} clients asked during {window.fault}, and not just one that was watched",
            "let one client ask whose proxy watch_ejections was told of",
        )
    return clients.pop()


def _row_began_here(record: CaseRecord, window: FaultWindow, client: str, host: str) -> None:
    """An answer of the replica just before ended every earlier row of errors that the proxy had counted."""
    earlier = [event for event in record.of(Asked) if event.client == client and event.hi <= window.started.lo]
    if not earlier or not earlier[-1].served.get(host):
        raise Inconclusive(
            f"{client} was not served by {host} just before {window.fault}: its errors may have begun earlier",
            "let it ask before each fault",
        )


def _nobody_else_met_one(record: CaseRecord, window: FaultWindow, asked: Sequence[Asked], host: str) -> None:
    """The replica's own count is the client's: no proxy tried again, and the errors in a row were these."""
    met = sum(event.errors.get(host, 0) for event in asked if event.hi <= window.ended.hi)
    proofs = [proof for proof in record.of(FaultProof) if proof.fault == window.fault]
    told = [p.observed.get("faulted_total") for p in proofs if window.started.hi <= p.t <= window.ended.hi]
    if told != [met]:
        raise Inconclusive(
            f"{met} errors of {host} were met, and it says that it answered {told}",
            "nobody else may call it meanwhile, and no proxy try again",
        )


@statistic(HoldParameters)
def kept_out_s(record: CaseRecord, target: Target[HoldParameters]) -> Measurement:
    """Seconds from the last error of a replica that a caller met to the first answer it got from it again.

    The shortest over callers and replicas; no longer than the proxies' flags allow, for a seldom call sees late, and as
    long as anybody looked where it did not come back. Each caller must have been served by it within `back_s_max`.
    """
    figures: dict[str, Interval] = {}
    broken: list[Broken] = []
    flags: dict[str, float | None] = {}
    callers = witnesses(record, cuts_zone=False)
    most = target.parameters.back_s_max
    for window in fault_windows(record):
        for host in sorted(hosts_of(window)):
            shown = {client: _flag(record, window, client, host) for client in sorted(clients_of(record, window))}
            flags |= {f"{host} by {client}": _known(interval) for client, interval in shown.items()}
            for caller in callers:
                gap = _gap(caller, window, host, target.parameters)
                if gap.hi > most:
                    broken.append(_late(caller, host, gap, most))
                elif not all(interval.ended for interval in shown.values()):
                    raise Inconclusive(
                        f"caller {caller.name} was served by {host} again, and its flag was not seen to go",
                        "see the watchers of the case",
                    )
                longest = min(interval.hi for interval in shown.values())
                lo, hi = min(gap.lo, longest), min(gap.hi, longest)
                figures[f"{host} for caller {caller.name}"] = Interval(lo, hi if math.isfinite(hi) else lo)
    shortest = min(figures, key=lambda name: (figures[name].lo, figures[name].hi))
    return Measurement(
        figures[shortest],
        ("events.ndjson", *(caller.file for caller in callers)),
        detail=shortest,
        extra={"callers": {name: _known(figure) for name, figure in figures.items()}, "flags": flags},
        broken=tuple(broken),
        fix=f"baseEjectionTime: {target.limit:g}s in the DestinationRule of the host",
    )


def _gap(caller: Caller, window: FaultWindow, host: str, parameters: HoldParameters) -> Interval:
    """From the last error that the caller met to the next answer of the host; not ended when none came."""
    errors = [sample for sample in window.failures(caller) if sample.status]
    if not errors:
        raise Inconclusive(f"caller {caller.name} met no error in {window.fault}", "raise traffic.rate_hz")
    last = max(errors, key=lambda sample: sample.done)
    served = [sample for sample in caller.samples if sample.answer == host and not sample.failed]
    if not any(sample.done < errors[0].sent for sample in served):
        raise Inconclusive(
            f"caller {caller.name} was not served by {host} before {window.fault} began",
            "traffic.callers: keep the field of the answer that names the pod; call the tier from the replica's zone",
        )
    back = min((s for s in served if s.sent >= last.done), key=lambda sample: sample.sent, default=None)
    end = back.sent if back else caller.samples[-1].sent
    if (count := sum(last.done <= sample.sent <= end for sample in caller.samples)) < parameters.samples_min:
        raise Inconclusive(
            f"caller {caller.name} made {count} requests while {host} was out, {parameters.samples_min} are needed",
            "raise traffic.rate_hz",
        )
    return Interval(end - last.done, back.done - last.sent if back else math.inf)


def _flag(record: CaseRecord, window: FaultWindow, client: str, host: str) -> Interval:
    """How long a client's proxy showed the flag, from the last time that it came while the fault lasted."""
    begun = [e for e in record.of(Ejection) if (e.client, e.host) == (client, host) and e.hi >= window.started.lo]
    during = [event for event in begun if event.lo <= window.ended.hi]
    if not during:
        raise Inconclusive(f"{client} did not eject {host}", "see mesh.ejection")
    begin = max(during, key=lambda event: event.hi)
    end = let_in_again(record, begin)
    if end is None:
        return Interval(0.0, math.inf)
    return Interval(max(0.0, end.lo - begin.hi), end.hi - begin.lo)


def _late(caller: Caller, host: str, gap: Interval, most: float) -> Broken:
    if not gap.ended and gap.lo <= most:
        raise Inconclusive(
            f"caller {caller.name} stopped {gap.lo:.1f} s after the last error of {host}, which may take {most:g} s",
            "raise traffic.duration_s, and wait for its return",
        )
    when = f"after {gap.hi:.1f} s" if gap.ended else f"not within {gap.lo:.1f} s"
    return Broken(
        f"caller {caller.name} was served by {host} again {when}, allowed <= {most:g} s",
        f"baseEjectionTime + interval in the DestinationRule of the host: less than {most:g} s",
    )


def _known(interval: Interval) -> float | None:
    return round(interval.hi, 3) if interval.ended else None
