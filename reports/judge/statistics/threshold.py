"""How many errors in a row take a replica out: as many as promised, and not one fewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from reports.events import Ejection, FaultProof
from reports.judge.faults import FaultWindow, clients_of, fault_windows, hosts_of
from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.model import CallerParameters, Interval, Target

if TYPE_CHECKING:
    from reports.record import Caller, CaseRecord, Sample


class ThresholdParameters(CallerParameters):
    """Of the statistic below.

    Attributes:
        tolerated: errors in a row that take nobody out.
        ejects: errors in a row that do.
        answers_min: answers of the replica after its errors without which it is not believed to be still asked.
    """

    tolerated: int = Field(ge=1)
    ejects: int = Field(ge=1)
    answers_min: int = Field(default=3, ge=1)


@statistic(ThresholdParameters)
def threshold_violations(record: CaseRecord, target: Target[ThresholdParameters]) -> Measurement:
    """Replicas that were ejected after the tolerated number of errors, or were not after the number that ejects.

    Each fault says after how many requests it ends by itself (`target.requests`). One client calls, so that the errors
    it sees are in a row; the replica's own count and the caller's samples must both tell of exactly so many.
    """
    wanted, windows = target.parameters, fault_windows(record)
    said = {int(window.target.get("requests", 0)) for window in windows}
    if missing := {wanted.tolerated, wanted.ejects} - said:
        raise Inconclusive(
            f"no fault of {' and none of '.join(map(str, sorted(missing)))} errors is in the record",
            "break_replicas with requests, once for each number",
        )
    found: dict[str, list[str]] = {"ejected": [], "spared": []}
    wrong = 0
    for window in windows:
        requests = int(window.target.get("requests", 0))
        (host,) = hosts_of(window)
        is_out = _is_ejected(record, window, host, wanted.answers_min)
        wrong += is_out is not (requests >= wanted.ejects)
        found["ejected" if is_out else "spared"].append(f"{host} after {requests} errors in a row")
    detail = "; ".join(f"{what}: {', '.join(hosts)}" for what, hosts in found.items() if hosts)
    files = ("events.ndjson", *(caller.file for caller in record.callers))
    fix = f"outlierDetection.consecutive5xxErrors: {wanted.ejects}"
    return Measurement(Interval(wrong, wrong), files, detail=detail, extra=dict(found), fix=fix)


def _is_ejected(record: CaseRecord, window: FaultWindow, host: str, answers_min: int) -> bool:
    """Whether the one client took the host out; believed if it says so, or if it went on asking the host."""
    (client, caller) = _the_client(record, window)
    errors = _errors(record, window, caller)
    seen = [event for event in record.of(Ejection) if event.host == host and event.client == client]
    if any(event.hi < window.started.lo for event in seen):
        raise Inconclusive(f"{client} had ejected {host} before {window.fault} began", "wait until nobody is ejected")
    if any(event.lo <= window.ended.hi for event in seen):
        return True
    last = max(sample.done for sample in errors)
    answers = sum(s.answer == host and not s.failed and s.sent >= last for s in window.samples(caller))
    if answers < answers_min:
        raise Inconclusive(
            f"{caller.name} was answered {answers} times by {host} after its errors, of which {answers_min} are needed "
            f"to say that it was not ejected",
            "hold longer, or call more often; the caller keeps the pod's name (keep: pod)",
        )
    return False


def _the_client(record: CaseRecord, window: FaultWindow) -> tuple[str, Caller]:
    clients = clients_of(record, window)
    if len(clients) != 1 or len(record.callers) != 1:
        raise Inconclusive(
            f"{len(clients)} client proxies and {len(record.callers)} callers: errors are in a row for one of each",
            "one caller, in a zone, and its proxy",
        )
    return next(iter(clients)), record.callers[0]


def _errors(record: CaseRecord, window: FaultWindow, caller: Caller) -> list[Sample]:
    """The caller's errors in the window: as many as the fault was to make, by the replica's count as well."""
    requests, errors = int(window.target["requests"]), list(window.failures(caller))
    counts = [proof.observed.get("faulted_total") for proof in record.of(FaultProof) if proof.fault == window.fault]
    if len(errors) != requests or counts != [requests]:
        raise Inconclusive(
            f"{window.fault}: {len(errors)} errors at the caller and {counts} by the replica's count, not {requests}",
            "let nobody else call the tier meanwhile, and wait until all errors are out",
        )
    return errors
