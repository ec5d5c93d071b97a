"""Generated case folders: a good record of each experiment, to be spoiled one fact at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from msgspec.json import Encoder

from reports.judge import judge_case
from reports.reader import read_case
from reports.targets import load_targets

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from reports.model import Interval, Verdict

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
CALLERS = ("gateway", *ZONES)
SIZES = {"app": 9, "api": 6, "worker": 6}
ENCODER = Encoder()
T0 = 1000.0  # the fault begins here on the record's monotonic clock


def activity(
    name: str, kind: str = "action", output: Any = "changed", status: str = "succeeded", **more: Any
) -> dict[str, Any]:
    return {"activity": {"name": name, "type": kind}, "output": output, "status": status, **more}


def journal(**changes: Any) -> dict[str, Any]:
    met = {"steady_state_met": True, "probes": [{**activity("error-ratio", "probe", 0.0), "tolerance_met": True}]}
    document = {
        "method": [{"name": "break", "type": "action"}, {"name": "heal", "type": "action"}],
        "rollbacks": [{"name": "heal-again", "type": "action"}],
        "steady-state-hypothesis": {
            "title": "Callers are answered",
            "probes": [
                {"name": "error-ratio", "type": "probe", "tolerance": {"type": "range", "range": [0, 0.001]}},
            ],
        },
    }
    return {
        "status": "completed",
        "deviated": False,
        "experiment": document,
        "steady_states": {"before": met, "after": met, "during": []},
        "run": [activity("break"), activity("heal")],
        "rollbacks": [activity("heal-again")],
        **changes,
    }


def fault(name: str = "bad-replica", held_s: float = 90.0, **target: Any) -> list[dict[str, Any]]:
    return [
        {"t": T0 - 0.1, "kind": "fault.intent", "fault": name, "undo": {}},
        {"t": T0 + 0.1, "kind": "fault.started", "fault": name, "lo": T0, "hi": T0 + 0.1, "target": target},
        {
            "t": T0 + 3,
            "kind": "fault.proof",
            "fault": name,
            "acted": True,
            "by": "server-counter",
            "observed": {"faulted_total": 12},
        },
        {"t": T0 + held_s, "kind": "fault.ended", "fault": name, "lo": T0 + held_s, "hi": T0 + held_s + 0.2},
    ]


def ready(t: float, tier: str, count: int, desired: int | None = None, **more: Any) -> dict[str, Any]:
    wanted = SIZES[tier] if desired is None else desired
    return {"t": T0 + t, "kind": "ready", "tier": tier, "namespace": "shop", "desired": wanted, "ready": count, **more}


def eviction(t: float, tier: str, status: int) -> dict[str, Any]:
    return {
        "t": T0 + t,
        "kind": "eviction",
        "tier": tier,
        "namespace": "shop",
        "pod": f"{tier}-x",
        "status": status,
        "message": "",
    }


def handshake(port: str, mode: str, outcome: str, **more: Any) -> dict[str, Any]:
    namespace, _, rest = port.partition("/")
    pod, _, number = rest.partition(":")
    return {
        "t": T0,
        "kind": "handshake",
        "namespace": namespace,
        "pod": pod,
        "port": int(number),
        "mode": mode,
        "outcome": outcome,
        **more,
    }


def ejection(client: str, after_s: float, host: str = "app-0") -> dict[str, Any]:
    return {
        "t": T0 + after_s,
        "kind": "ejection",
        "client": client,
        "host": host,
        "lo": T0 + after_s - 0.5,
        "hi": T0 + after_s,
    }


def samples(
    errors: Iterable[tuple[float, float]] = (),
    until_s: float = 100.0,
    rate_hz: float = 10.0,
    lag_s: float = 0.001,
    took_s: float = 0.01,
) -> list[dict[str, Any]]:
    """Requests from 10 s before the fault; those due in [lo, hi) seconds after it fail."""
    return [row.copy() for row in _rows(tuple(errors), until_s, rate_hz, lag_s, took_s)]


@lru_cache(maxsize=64)  # most tests take the same ones
def _rows(
    spans: tuple[tuple[float, float], ...], until_s: float, rate_hz: float, lag_s: float, took_s: float
) -> list[dict[str, Any]]:
    rows = []
    for i in range(int((10 + until_s) * rate_hz)):
        after = round(i / rate_hz - 10, 6)
        bad = any([lo <= after < hi for lo, hi in spans])  # noqa: C419 - a generator for each row takes twice as long
        due = T0 + after
        rows.append(
            {
                "i": i,
                "due": due,
                "sent": due + lag_s,
                "done": due + lag_s + took_s,
                "status": 503 if bad else 200,
                "error": None,
            }
        )
    return rows


@dataclass
class Case:
    """A case folder in the making; `write` puts it on disk."""

    experiment: str
    targets: list[str]
    events: list[dict[str, Any]]
    journal: dict[str, Any] | None = field(default_factory=journal)
    callers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    control: str | None = None
    ends: dict[str, dict[str, Any] | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.experiment.replace("/", ".") + (f"~{self.control}" if self.control else "")

    def write(self, run: Path) -> Path:
        folder = run / self.name
        folder.mkdir(parents=True)
        times = {"started": {"mono": T0 - 12, "wall": 1.0}, "ended": {"mono": T0 + 110, "wall": 123.0}}
        about = {
            "case": self.name,
            "experiment": self.experiment,
            "targets": self.targets,
            "control": self.control,
            "description": "A case.",
        }
        (folder / "case.json").write_text(json.dumps(about | times))
        if self.journal is not None:
            (folder / "journal.json").write_text(json.dumps(self.journal))
        (folder / "events.ndjson").write_bytes(ENCODER.encode_lines(sorted(self.events, key=itemgetter("t"))))
        for caller, rows in self.callers.items():
            head = {
                "caller": caller,
                "zone": next((zone for zone in ZONES if caller.endswith(zone)), None),
                "url": "http://shop/",
                "rate_hz": 10,
                "duration_s": 110,
                "timeout_s": 3,
            }
            end = self.ends.get(caller, {"end": True, "planned": len(rows), "sent": len(rows)})
            lines = [head, *rows, *([end] if end else [])]
            (folder / f"samples-{caller}.ndjson").write_bytes(ENCODER.encode_lines(lines))
        return folder

    def judge(self, tmp_path: Path) -> Verdict:
        """The verdict on the first target."""
        return judge_case(read_case(self.write(tmp_path)), load_targets())[0]


def quick_callers(last_s: float = 3.0) -> dict[str, list[dict[str, Any]]]:
    """Everybody sees errors until `last_s`; only the gateway asks often, so that tests stay quick."""
    return {caller: samples([(0.2, last_s)], rate_hz=10 if caller == "gateway" else 2) for caller in CALLERS}


CLIENTS = ("istio-system/gw-0", "callers/caller-a", "callers/caller-b")


def ejection_case(pods: tuple[str, ...] = ("app-0",), **changes: Any) -> Case:
    events = [
        *fault(pods=[f"shop/{pod}" for pod in pods]),
        {"t": T0 - 5, "kind": "clients", "expected": list(CLIENTS)},
        *(ejection(client, 2.0 + k, pod) for k, client in enumerate(CLIENTS) for pod in pods),
    ]
    callers = quick_callers()
    return Case(
        **{"experiment": "mesh/ejection", "targets": ["mesh.ejection"], "events": events, "callers": callers} | changes
    )


PORTS = ("shop/app-0:8080", "data/redis-0:6379")


def mtls_events(**outcomes: str) -> list[dict[str, Any]]:
    """Every port refuses everything but the mesh; `outcomes` changes modes of the first port (dots as underscores)."""
    events: list[dict[str, Any]] = [{"t": T0, "kind": "coverage", "what": "mtls-ports", "expected": list(PORTS)}]
    for number, port in enumerate(PORTS):
        for mode in ("plaintext", "tls1.2", "tls1.3-no-cert"):
            key = mode.replace(".", "_").replace("-", "_")
            events.append(handshake(port, mode, outcomes.get(key, "refused") if number == 0 else "refused"))
        events.append(handshake(port, "mesh", "accepted", peer_identity="spiffe://cluster.local/ns/shop/sa/app"))
    return events


def mtls_case(events: list[dict[str, Any]] | None = None) -> Case:
    return Case("mesh/mtls", ["mesh.mtls"], mtls_events() if events is None else events)


def pdb_events(**statuses: list[int]) -> list[dict[str, Any]]:
    """Each tier refuses at its boundary; `statuses` replaces the answers of a tier."""
    events = []
    for tier, size in SIZES.items():
        allowed = {9: 3, 6: 2}[size]
        answers = statuses.get(tier, [201] * allowed + [429])
        events.append(ready(-1, tier, size))
        events += [eviction(1 + k / 100, tier, status) for k, status in enumerate(answers)]
        gone = answers.count(201)
        events += [ready(2 + k / 100, tier, size - k - 1) for k in range(gone)] + [ready(9, tier, size)]
    return events


def pdb_case(events: list[dict[str, Any]] | None = None) -> Case:
    return Case("high_availability/disruption_budget", ["ha.pdb"], pdb_events() if events is None else events)


def zone_events(back_s: float = 50.0, held_s: float = 90.0, cut: str = "us-east-1b") -> list[dict[str, Any]]:
    events = fault("zone-cut", held_s, zone=cut)
    for tier, size in SIZES.items():
        events += [ready(-5, tier, size), ready(0.3, tier, size * 2 // 3, excluded_zone=cut)]
        events += [ready(back_s - 3, tier, size - 1, excluded_zone=cut), ready(back_s, tier, size, excluded_zone=cut)]
    return events


def zone_case(target: str = "ha.failover_traffic", **changes: Any) -> Case:
    callers = quick_callers(24.0)
    callers["us-east-1b"] = samples([(0.0, 999.0)], rate_hz=2)
    return Case(
        **{
            "experiment": "high_availability/zone_outage",
            "targets": [target],
            "events": zone_events(),
            "callers": callers,
        }
        | changes
    )


def known(verdict: Verdict) -> Interval:
    """The figure, which must be there."""
    assert verdict.measured is not None
    return verdict.measured
