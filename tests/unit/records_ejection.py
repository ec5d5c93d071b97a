"""Generated cases of a single client: how many errors it met in a row, and how long it was not served by a replica."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, Case, ejection, fault, samples

CLIENT = "callers/caller-us-east-1a-x"
HOST, OTHERS = "app-0", ("app-1", "app-2", "app-3")


def shifted(events: list[dict[str, Any]], by_s: float) -> list[dict[str, Any]]:
    return [event | {key: event[key] + by_s for key in ("t", "lo", "hi") if key in event} for event in events]


def asked(lo: float, hi: float, errors: int = 0, served: int = 0) -> dict[str, Any]:
    """Requests from `lo` to `hi` seconds: `errors` and `served` by the replica, ten by each other one."""
    counts = {"served": dict.fromkeys(OTHERS, 10) | ({HOST: served} if served else {})}
    counts |= {"errors": {HOST: errors} if errors else {}}
    return {"t": T0 + hi, "kind": "asked", "client": CLIENT, "lo": T0 + lo, "hi": T0 + hi, **counts}


def trial(at_s: float, errors: int, *, ejected: bool, further: int = 0) -> list[dict[str, Any]]:
    """A replica answers so many errors in a row, and 3 s later `further` ones; asked again before it is healed."""
    events = fault("replica answers errors", 5.0, pods=[HOST])
    proof = next(event for event in events if event["kind"] == "fault.proof")
    proof["t"], proof["observed"] = T0 + 4.5, {"faulted_total": errors + further}
    events += [asked(1, 1.5, errors), asked(3, 3.5, further)]
    return shifted([*events, *([ejection(CLIENT, 2, HOST)] if ejected else [])], at_s)


def threshold(two: list[dict[str, Any]] | None = None, three: list[dict[str, Any]] | None = None) -> Case:
    """The replica serves, answers two errors, serves again, and ten seconds later answers three and is out."""
    first = [*trial(0, 2, ejected=False), asked(6, 6.5, served=9)] if two is None else two
    second = trial(10, 3, ejected=True) if three is None else three
    clients = {"t": T0 - 5, "kind": "clients", "expected": [CLIENT]}
    events = [clients, asked(-2, -1, served=9), *first, *second]
    return Case("mesh/ejection_threshold", ["mesh.ejection_threshold"], events)


def held(back_s: float = 302.0, until_s: float = 320.0) -> list[dict[str, Any]]:
    """Ten requests a second, every fourth to the replica: errors until 2 s, and it serves again from `back_s`."""
    rows = samples(until_s=until_s)
    for row in rows:
        after, mine = row["due"] - T0, row["i"] % 4 == 0
        bad = mine and 0.2 <= after < 2
        row["status"] = 500 if bad else 200
        row["answer"] = None if bad else HOST if mine and not 2 <= after < back_s else OTHERS[row["i"] % 3]
    return rows


def hold(back_s: float = 302.0, **changes: Any) -> Case:
    """A replica is ejected after 2 s, heals after 5 s and is let in again after about five minutes."""
    end = {"t": T0 + back_s, "kind": "ejection.ended", "client": CLIENT, "host": HOST, "lo": T0 + back_s - 1}
    events = [
        *fault("replica answers errors", 5.0, pods=[HOST]),
        {"t": T0 - 5, "kind": "clients", "expected": [CLIENT]},
        ejection(CLIENT, 2, HOST),
        end | {"hi": T0 + back_s},
    ]
    about = {"experiment": "mesh/ejection_hold", "targets": ["mesh.ejection_hold"], "events": events}
    return Case(**about | {"callers": {"us-east-1a": held(back_s)}} | changes)
