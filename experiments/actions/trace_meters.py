"""The live metrics of tracing beside what the store holds of the same time: counts of each, nothing compared here."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from experiments import session
from experiments.actions.tracing import STORE_AT_REST
from experiments.drivers.monitoring import Monitoring
from experiments.jaeger import Jaeger, Traces
from experiments.readings import settled, unchanged

SAVED = 'jaeger_collector_{}_saved_by_svc_total{{result="ok"}}'
# What a collector has counted since then; one that began later has counted from nothing.
SINCE = "sum by (svc) ({metric} - ({metric} @ {begin:.3f} or {metric} * 0))"


def read_meters(quiet_s: float, scrape_s: float, within_s: float) -> dict[str, Any]:
    """Records spans and traces by service since the callers began, as the store and as Prometheus count them.

    A counter is known by its last scrape before that: what earlier cases left on its way must be over by then.

    Args:
        quiet_s: the store has stopped growing when two readings so far apart are equal.
        scrape_s: likewise for Prometheus; longer than it waits between two scrapes.
        within_s: seconds for each of the two.
    """
    running = session.current()
    running.traffic.wait()
    begin_s = running.traffic.started_s
    jaeger, monitoring = Jaeger(running.cluster.url("jaeger")), Monitoring.of(running.cluster)
    traces, why = settled(lambda: jaeger.search({}, begin_s, time.time()), quiet_s, within_s, STORE_AT_REST)
    running.recorder.event("trace.meters", by="store", **counted(traces), complete=not why, why=why)
    told, why = _scraped(monitoring, begin_s, scrape_s, within_s)
    running.recorder.event("trace.meters", by="prometheus", **told, complete=not why, why=why)
    return {"store": counted(traces), "prometheus": told, "why": why}


def counted(traces: Traces) -> dict[str, dict[str, int]]:
    """Returns spans by service, and traces by the service that began them."""
    spans = [span for trace in traces.values() for span in trace.values()]
    first = Counter(span.service for span in spans if span.parent is None)
    return {"spans": dict(Counter(span.service for span in spans)), "traces": dict(first)}


def _scraped(
    monitoring: Monitoring, begin_s: float, scrape_s: float, within_s: float
) -> tuple[dict[str, dict[str, int]], str]:
    nothing: dict[str, dict[str, int]] = {"spans": {}, "traces": {}}
    return unchanged(
        lambda: {what: _since(monitoring, what, begin_s) for what in nothing},
        nothing,
        lambda reading: reading,
        scrape_s,
        within_s,
        "two equal readings of the collectors' metrics",
    )


def _since(monitoring: Monitoring, what: str, begin_s: float) -> dict[str, int]:
    found = monitoring.query(SINCE.format(metric=SAVED.format(what), begin=begin_s))
    counts = {str(each["metric"]["svc"]): round(float(each["value"][1])) for each in found}
    return {service: count for service, count in counts.items() if count}
