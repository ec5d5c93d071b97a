"""What the tracing store holds of an experiment's own requests, written down as facts."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from experiments import guard, pods, session
from experiments.jaeger import Jaeger, Traces, as_facts
from experiments.pods import CALLERS
from experiments.readings import settled

STORE_AT_REST = "two equal readings (traces, spans) of the tracing store"
PROTOCOLS = Path(__file__).parents[1] / "inside" / "span_protocols.py"


def collect(tags: list[str], quiet_s: float, within_s: float) -> dict[str, Any]:
    """Waits until every caller is done and the store has stopped growing, and records each trace of this run.

    Args:
        tags: tags of spans to keep besides those of the experiment.
        quiet_s: seconds between two readings that must be equal; longer than proxies and pods hold spans back.
        within_s: seconds to wait for that after the load.
    """
    recorder = session.current().recorder
    traces, why = _of_this_run(tags, quiet_s, within_s)
    for trace_id, spans in traces.items():
        recorder.event("trace", id=trace_id, spans=as_facts(spans))
    run = session.current().traffic.run
    found = {"run": run, "traces": len(traces), "complete": not why, "why": why}
    recorder.event("trace.search", **found)
    return found | {"spans": sum(map(len, traces.values()))}


def note_held(when: Literal["before", "after"], quiet_s: float, within_s: float) -> dict[str, Any]:
    """Records which traces of this run the store holds, before a fault or after it; waits as `collect` does."""
    traces, why = _of_this_run((), quiet_s, within_s)
    held = {trace_id: len(spans) for trace_id, spans in traces.items()}
    session.current().recorder.event("traces.held", when=when, traces=held, complete=not why, why=why)
    return {"when": when, "traces": len(held), "complete": not why, "why": why}


def hand_in_by_every_protocol(zone: str, tags: dict[str, str], dispatches: int, within_s: float) -> dict[str, Any]:
    """Hands in a trace by each protocol, and asks HotROD for dispatches, from a zone's caller; see span_protocols.py.

    Args:
        zone: of the caller.
        tags: that each first span carries, besides those of the experiment.
        dispatches: how often HotROD is asked, each within a trace of its own.
        within_s: seconds for all of it.
    """
    running = session.current()
    guard.permit(running.cluster)
    pod = pods.one_running(running.cluster, CALLERS, f"app=caller-{zone}").name
    asked = json.dumps({"run": running.traffic.run, "tags": tags, "dispatches": dispatches})
    argv = ["python3", "-c", PROTOCOLS.read_text(), asked]
    text = running.cluster.exec(CALLERS, pod, argv, container="caller", timeout_s=within_s)
    told = [json.loads(line) for line in text.splitlines()]
    for each in told:
        running.recorder.event("trace.handed_in", **each)
    return {"handed_in": told}


def _of_this_run(tags: Sequence[str], quiet_s: float, within_s: float) -> tuple[Traces, str]:
    """Waits for the callers, then reads every trace of this run until the store has stopped growing."""
    running = session.current()
    running.traffic.wait()
    run, jaeger = running.traffic.run, Jaeger(running.cluster.url("jaeger"), tags)
    begin_s = json.loads((running.recorder.folder / "case.json").read_text())["started"]["wall"]
    return settled(
        lambda: jaeger.search({"experiment.run": run}, begin_s, time.time()), quiet_s, within_s, STORE_AT_REST
    )
