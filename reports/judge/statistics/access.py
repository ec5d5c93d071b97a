"""Whether everybody was let through who may be, and nobody else: into workloads, and out of the mesh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from reports.events import Coverage
from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.mesh import Access
from reports.model import Interval, Parameters, Target

if TYPE_CHECKING:
    from reports.record import CaseRecord

_COVERAGE = "access"
SHOWN = 3


class AccessParameters(Parameters):
    """Of authorization_violations and egress_violations.

    Attributes:
        served_within_s: how long before the first refusal and after the last one its target must have served somebody:
            else it was perhaps an outage.
    """

    served_within_s: float = Field(default=60, gt=0)


@statistic(AccessParameters)
def authorization_violations(record: CaseRecord, target: Target[AccessParameters]) -> Measurement:
    """Number of callers, calls and workload ports with another answer than the one that was expected.

    That somebody is refused is told by the proxy of whom he calls, so a wrong refusal is one whoever else is served.
    """
    return _measured(record, target.parameters, "see the AuthorizationPolicies of the namespace, deny-all among them")


@statistic(AccessParameters)
def egress_violations(record: CaseRecord, target: Target[AccessParameters]) -> Measurement:
    """Number of callers and hosts that were reached and must not be, or the other way round.

    To the caller a refusal looks like an outage, a wrong one too: none counts unless the host serves others.
    """
    wrongly_refused = [each for each in record.of(Access) if each.expected == "allowed" and each.refused]
    for gap in _unserved(record.of(Access), wrongly_refused, target.parameters.served_within_s):
        raise Inconclusive(gap, "see the host that is outside the mesh, and who calls it without a proxy")
    fix = "one ServiceEntry for the host, exported to its own namespace, and outboundTrafficPolicy REGISTRY_ONLY"
    return _measured(record, target.parameters, fix)


def _measured(record: CaseRecord, parameters: AccessParameters, fix: str) -> Measurement:
    tries = record.of(Access)
    wrong: dict[str, str] = {}
    for each in tries:
        if other := each.refused if each.expected == "allowed" else each.allowed:
            became = "refused" if each.expected == "allowed" else "let through"
            wrong.setdefault(each.name, f"{each.name} was {became} {other} of {_calls(each)} times")
    if not wrong:
        _proven(record, tries, parameters)
    refused = {each.name for each in tries if each.expected == "refused"}
    return Measurement(
        Interval(len(wrong), len(wrong)),
        ("events.ndjson",),
        detail=", ".join(list(wrong.values())[:SHOWN])
        or f"{len(refused)} were refused, {len({each.name for each in tries} - refused)} let through, each as expected",
        extra={"violations": sorted(wrong), "calls": sum(map(_calls, tries))},
        fix=fix,
    )


def _proven(record: CaseRecord, tries: Sequence[Access], parameters: AccessParameters) -> None:
    """None was wrong only if everybody who must be tried was tried and answered, and no refusal was an outage."""
    expected = {name for event in record.of(Coverage) if event.what == _COVERAGE for name in event.expected}
    if not expected:
        raise Inconclusive("the record does not say who must be tried", "record coverage of access")
    gaps = [f"{name} was not tried" for name in sorted(expected - {each.name for each in tries})]
    gaps += [
        f"{each.name}: {each.unanswered or 'none'} of {_calls(each)} calls told neither" + _because(each)
        for each in tries
        if each.unanswered or not _calls(each)
    ]
    refusals = [each for each in tries if each.expected == "refused"]
    if not refusals:
        gaps.append("nobody was refused")
    gaps += _unserved(tries, refusals, parameters.served_within_s)
    if gaps:
        more = f" (and {len(gaps) - 1} more)" if len(gaps) > 1 else ""
        raise Inconclusive(
            f"{gaps[0]}{more}: that is no refusal", "see the callers and whom they call, and run it again"
        )


def _unserved(tries: Sequence[Access], refusals: Sequence[Access], within_s: float) -> Iterator[str]:
    """Yields the targets of refusals that were not seen to serve somebody just before them and just after."""
    for where in sorted({each.target for each in refusals}):
        begin = min(each.lo for each in refusals if each.target == where)
        end = max(each.hi for each in refusals if each.target == where)
        served = [each for each in tries if each.target == where and each.expected == "allowed" and each.allowed]
        for word, seen in (
            ("before", any(begin - within_s <= each.hi <= begin for each in served)),
            ("after", any(end <= each.lo <= end + within_s for each in served)),
        ):
            if not seen:
                yield f"{where} was not seen to serve anybody {word} it refused"


def _calls(each: Access) -> int:
    return each.allowed + each.refused + each.unanswered


def _because(each: Access) -> str:
    return f" ({each.detail})" if each.detail else ""
