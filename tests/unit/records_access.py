"""Good records of the experiments about who is let in, and who is let out."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, Case, fault

APP, API = "shop/app:8080", "shop/api:8080"
SERVER = "outside/payments:443"
REPLICAS = ("shop/app-0", "shop/api-0", "shop/worker-0")


def access(t: float, caller: str, call: str, target: str, **counts: Any) -> dict[str, Any]:
    """One line of the matrix, as expected: `allowed` or `refused` says how often."""
    expected = "allowed" if "allowed" in counts else "refused"
    known = {"allowed": 0, "refused": 0, "unanswered": 0, "expected": expected}
    moment = {"t": T0 + 20, "lo": T0 + t, "hi": T0 + t + 1}
    return {"kind": "access", "caller": caller, "call": call, "target": target, **moment, **known, **counts}


def coverage(events: list[dict[str, Any]]) -> dict[str, Any]:
    names = dict.fromkeys(f"{each['caller']} {each['call']} {each['target']}" for each in events)
    return {"t": T0 - 1, "kind": "coverage", "what": "access", "expected": list(names)}


def authorization() -> Case:
    """Two workloads; on each one identity is served, another one and another method are refused."""
    tries = []
    for target, allowed, stranger in ((APP, "callers/caller", "shop/api"), (API, "shop/app", "shop/worker")):
        tries += [access(t, allowed, "GET /", target, allowed=9) for t in (1, 5)]
        tries += [access(3, stranger, "GET /", target, refused=9), access(3, allowed, "DELETE /", target, refused=9)]
    calls = fault("calls by those who may not", held_s=21)
    return Case("mesh/authorization", ["mesh.authorization"], [*calls, coverage(tries), *tries])


def egress() -> Case:
    """A host outside that three replicas may reach by its name, and a stranger by none; a witness is always served."""
    tries = [access(t, "callers/outsider", "payments", SERVER, allowed=2) for t in (1, 5)]
    tries += [access(3, replica, "payments", SERVER, allowed=1) for replica in REPLICAS]
    tries += [access(3, replica, "elsewhere", SERVER, refused=1) for replica in REPLICAS]
    tries.append(access(3, "callers/caller-a", "payments", SERVER, refused=1))
    calls = fault("calls to a host outside", held_s=21)
    return Case("mesh/egress", ["mesh.egress"], [*calls, coverage(tries), *tries])
