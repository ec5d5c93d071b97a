"""What judging costs, on cases of the size that real ones have."""

from __future__ import annotations

import json
import resource
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reports.judge import judge_case
from reports.reader import read_case
from reports.targets import load_targets

CASES, SECONDS_MAX, MIB_MAX = 1000, 5.0, 200.0
BEGIN, HELD_S, RATE_HZ = 1000.0, 75.0, 15
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


def judge(cases: int) -> bool:
    """Judges so many cases of mesh/ejection and mesh/mtls in turn; returns whether that was within the bounds."""
    targets = load_targets()
    with TemporaryDirectory() as folder:
        made = [_write(Path(folder) / case, case) for case in ("mesh.ejection", "mesh.mtls")]
        size_kib = sum(path.stat().st_size for case in made for path in case.iterdir()) / len(made) / 1024
        before_mib, began, cpu = _peak_mib(), time.monotonic(), time.process_time()
        outcomes = Counter(
            verdict.outcome.value
            for number in range(cases)
            for verdict in judge_case(read_case(made[number % len(made)]), targets)
        )
        took_s, cpu_s = time.monotonic() - began, time.process_time() - cpu
    print(f"{cases} cases of {size_kib:.0f} KiB each judged: {dict(outcomes)}")
    print(f"  {took_s:.2f} s on the clock, {cpu_s:.2f} s of processor (at most {SECONDS_MAX * cases / CASES:g} s)")
    print(f"  {_peak_mib():.0f} MiB at the most, {before_mib:.0f} of it before the first (at most {MIB_MAX:g} MiB)")
    return took_s <= SECONDS_MAX * cases / CASES and _peak_mib() <= MIB_MAX and set(outcomes) == {"passed"}


def _write(folder: Path, case: str) -> Path:
    folder.mkdir()
    experiment = case.replace(".", "/")
    about = {"case": case, "experiment": experiment, "targets": [case], "started": {"mono": BEGIN - 20, "wall": 0}}
    (folder / "case.json").write_text(json.dumps(about))
    (folder / "journal.json").write_text(json.dumps(_journal()))
    events = [*_seconds(), *(_ejection() if case == "mesh.ejection" else _handshakes())]
    events.sort(key=lambda event: event["t"])
    (folder / "events.ndjson").write_text("".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events))
    for caller in ("gateway", *ZONES):
        text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in _calls(caller))
        (folder / f"samples-{caller}.ndjson").write_text(text)
    return folder


def _journal() -> dict[str, Any]:
    probe = {"name": "callers-are-answered", "type": "probe", "tolerance": {"type": "range", "range": [0.999, 1.0]}}
    action = {"name": "break", "type": "action", "provider": {"type": "python", "arguments": {"text": "x" * 2000}}}
    look = {"steady_state_met": True, "probes": [_played(probe, 1.0) | {"tolerance_met": True}]}
    return {
        "experiment": {"steady-state-hypothesis": {"probes": [probe]}, "method": [action], "rollbacks": []},
        "steady_states": {"before": look, "after": look, "during": []},
        "run": [_played(action, {"pods": ["shop/app-0"]})],
        "rollbacks": [],
    }


def _played(activity: dict[str, Any], output: Any) -> dict[str, Any]:
    return {"activity": activity, "output": output, "status": "succeeded", "duration": 1.0}


def _seconds() -> Iterator[dict[str, Any]]:
    """What is written each second, and the tiers as they change."""
    for second in range(-15, 95):
        yield {"t": BEGIN + second, "kind": "pressure", "cpu_some_avg10": 12.5, "cpu_some_total_us": 1e6 * second}
        if second % 10 == 0:
            yield {"t": BEGIN + second, "kind": "ready", "tier": "app", "desired": 9, "ready": 9, "namespace": "shop"}


def _ejection() -> Iterator[dict[str, Any]]:
    clients = [f"callers/caller-{zone}" for zone in ZONES]
    fault = {"fault": "a replica answers errors"}
    yield {"t": BEGIN - 1, "kind": "clients", "expected": clients}
    yield {"t": BEGIN, "kind": "fault.started", "lo": BEGIN, "hi": BEGIN, "target": {"pod": "shop/app-0"}} | fault
    yield {"t": BEGIN + 1, "kind": "fault.proof", "acted": True, "by": "server-counter", "observed": {}} | fault
    for client in clients:
        yield {
            "t": BEGIN + 4, "kind": "ejection", "client": client, "host": "app-0", "lo": BEGIN + 3, "hi": BEGIN + 4
        }  # fmt: skip
    yield {"t": BEGIN + HELD_S, "kind": "fault.ended", "lo": BEGIN + HELD_S, "hi": BEGIN + HELD_S} | fault


def _handshakes() -> Iterator[dict[str, Any]]:
    ports = [("shop", f"app-{n}", 8080) for n in range(40)]
    names = [f"{namespace}/{pod}:{port}" for namespace, pod, port in ports]
    yield {"t": BEGIN, "kind": "coverage", "what": "mtls-ports", "expected": names}
    for namespace, pod, port in ports:
        where = {"t": BEGIN + 1, "kind": "handshake", "namespace": namespace, "pod": pod, "port": port}
        for mode in ("plaintext", "tls1.2", "tls1.3-no-cert"):
            yield where | {"mode": mode, "outcome": "refused", "detail": "connection reset"}
        yield where | {"mode": "mesh", "outcome": "accepted", "peer_identity": "spiffe://cluster.local/ns/shop/sa/app"}


def _calls(caller: str) -> Iterator[dict[str, Any]]:
    count = int((HELD_S + 35) * RATE_HZ)
    yield {"caller": caller, "zone": caller if caller in ZONES else None, "rate_hz": RATE_HZ, "timeout_s": 3}
    for i in range(count):
        due = BEGIN - 15 + i / RATE_HZ
        failed = 0 < due - BEGIN < 3 and i % 9 == 0
        times = {"due": round(due, 6), "sent": round(due + 0.001234, 6), "done": round(due + 0.012345, 6)}
        yield {"i": i} | times | {"status": 503 if failed else 200, "error": None}
    yield {"end": True, "planned": count, "sent": count}


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
