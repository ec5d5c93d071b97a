"""What the tracing store holds of an experiment's own requests, written down as facts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from deploy.waiting import NotSo, eventually
from experiments import session
from experiments.jaeger import Jaeger, Traces, as_facts


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


def _of_this_run(tags: Sequence[str], quiet_s: float, within_s: float) -> tuple[Traces, str]:
    """Waits for the callers, then reads every trace of this run until the store has stopped growing."""
    running = session.current()
    running.traffic.wait()
    run, jaeger = running.traffic.run, Jaeger(running.cluster.url("jaeger"), tags)
    begin_s = json.loads((running.recorder.folder / "case.json").read_text())["started"]["wall"]
    return settled(lambda: jaeger.search({"experiment.run": run}, begin_s, time.time()), quiet_s, within_s)


def settled(read: Callable[[], Traces], quiet_s: float, within_s: float) -> tuple[Traces, str]:
    """Reads the store until two readings are equal; returns the last, and why it is not to be trusted if it is not."""
    last: Traces = {}
    sizes: list[tuple[int, int]] = []

    def again() -> list[tuple[int, int]]:
        nonlocal last
        last = read()
        sizes.append((len(last), sum(map(len, last.values()))))
        return sizes[-2:]

    try:
        eventually(
            again,
            lambda two: len(two) == 2 and two[0] == two[1],
            within_s=within_s,
            every_s=quiet_s,
            what="two equal readings (traces, spans) of the tracing store",
        )
    except NotSo as missed:
        return last, str(missed)
    return last, ""
