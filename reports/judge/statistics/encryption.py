"""Whether anything but mutual TLS 1.3 was ever accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.events import Coverage, Handshake
from reports.judge.registry import Inconclusive, Measurement, statistic
from reports.model import Interval, Parameters, Target

if TYPE_CHECKING:
    from reports.record import CaseRecord

_COVERAGE = "mtls-ports"
_CONTROL = "mesh"


class HandshakeParameters(Parameters):
    """Of plaintext_violations.

    Attributes:
        modes: handshakes that every port must have refused.
    """

    modes: tuple[str, ...] = ("plaintext",)


@statistic(HandshakeParameters)
def plaintext_violations(record: CaseRecord, target: Target[HandshakeParameters]) -> Measurement:
    """Number of ports and handshakes, other than the mesh's own, that were accepted.

    None is proven only if every expected port refused every mode of the target *and* served the mesh: a port that
    nobody serves refuses too.
    """
    tries = record.of(Handshake)
    accepted = sorted({(t.where, t.mode) for t in tries if t.mode != _CONTROL and t.outcome == "accepted"})
    if not accepted:
        _proven(record, tries, target.parameters.modes)
    return Measurement(
        Interval(len(accepted), len(accepted)),
        ("events.ndjson",),
        detail=", ".join(f"{where} accepted {mode}" for where, mode in accepted[:5]) or "every expected port refused",
        extra={"accepted": [f"{where} {mode}" for where, mode in accepted], "handshakes": len(tries)},
        fix="set PeerAuthentication mtls.mode STRICT for the mesh and minProtocolVersion TLSV1_3, "
        "and remove port-level exceptions",
    )


def _proven(record: CaseRecord, tries: tuple[Handshake, ...], modes: tuple[str, ...]) -> None:
    expected = {port for event in record.of(Coverage) if event.what == _COVERAGE for port in event.expected}
    if not expected:
        raise Inconclusive("the record does not say which ports there are", "record coverage of mtls-ports")
    served = {
        t.where
        for t in tries
        if t.mode == _CONTROL and t.outcome == "accepted" and (t.peer_identity or "").startswith("spiffe://")
    }
    refused = {(t.where, t.mode) for t in tries if t.outcome == "refused"}
    gaps = [
        f"{port} did not refuse {mode}" for port in sorted(expected) for mode in modes if (port, mode) not in refused
    ]
    gaps += [f"{port} did not serve the mesh with a SPIFFE identity" for port in sorted(expected - served)]
    if gaps:
        more = f" (and {len(gaps) - 1} more)" if len(gaps) > 1 else ""
        raise Inconclusive(
            f"{gaps[0]}{more}: unreachable or never tried is not refused",
            "probe every port of every pod in every mode, and once through the mesh",
        )
