"""metrics.prom: a run as OpenMetrics text, for trends kept outside of this suite."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, StateSetMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from reports.model import Outcome
from reports.results import Control, Results

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.core import Metric

    from reports.model import Verdict

_TARGET = ("target", "case", "unit")


def openmetrics_text(results: Results) -> str:
    """Every outcome and every figure of a run; a figure that was not measured is left out, not zero."""
    registry = CollectorRegistry()
    registry.register(_Once(_metrics(results)))
    return bytes(generate_latest(registry)).decode()


class _Once(Collector):
    """Metrics that are there already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterable[Metric]:
        """Gives them."""
        return self._metrics

    def describe(self) -> Iterable[Metric]:
        """Says nothing before they are collected."""
        return ()


def _metrics(results: Results) -> Iterator[Metric]:
    about = {"run": results.run, "commit": str(results.environment.get("suite", {}).get("commit", ""))}
    run = InfoMetricFamily("resilience_run", "Which run these are of")
    run.add_metric([], about)
    yield run
    whole = StateSetMetricFamily("resilience_outcome", "What the whole run says; only passed is green")
    whole.add_metric([], {each.value: results.outcome is each for each in Outcome})
    yield whole
    outcomes = StateSetMetricFamily("resilience_target_outcome", "What the run says of a target", labels=_TARGET)
    for verdict in results.verdicts:
        outcomes.add_metric(_labels(verdict), {each.value: verdict.outcome is each for each in Outcome})
    yield outcomes
    yield from _figures(results.verdicts)
    controls = StateSetMetricFamily(
        "resilience_control_result", "Whether a check noticed that a protection was gone", labels=("target", "control")
    )
    for control in results.controls:
        controls.add_metric((control.target, control.control), {each.value: control.result is each for each in Control})
    yield controls
    yield _gauge(
        "resilience_target_drifted",
        "1 if a kept promise's figure moved beyond its noise",
        _TARGET,
        (((each.target, each.case, each.unit), float(each.drifted)) for each in results.history),
    )
    for name, help_text in (
        ("wall", "From the first to the last moment of a case"),
        ("fault", "How long its faults acted"),
        ("overhead", "The rest"),
    ):
        rows = (((case.case,), getattr(case, f"{name}_s")) for case in results.cases)
        yield _gauge(f"resilience_case_{name}_seconds", help_text, ("case",), rows, unit="seconds")


def _figures(verdicts: Iterable[Verdict]) -> Iterator[Metric]:
    kept = [(_labels(verdict), verdict) for verdict in verdicts]
    measured = [(labels, verdict.measured) for labels, verdict in kept if verdict.measured]
    ends = [((*labels, end), getattr(interval, end)) for labels, interval in measured for end in ("lo", "hi")]
    yield _gauge("resilience_target_measured", "The ends of the measured interval", (*_TARGET, "end"), ends)
    yield _gauge(
        "resilience_target_allowed", "The limit", _TARGET, ((labels, verdict.allowed) for labels, verdict in kept)
    )
    yield _gauge(
        "resilience_target_margin",
        "Distance to the limit, negative when it is broken",
        _TARGET,
        ((labels, verdict.margin) for labels, verdict in kept),
    )


def _gauge(
    name: str,
    help_text: str,
    labels: tuple[str, ...],
    rows: Iterable[tuple[tuple[str, ...], float | None]],
    unit: str = "",
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=labels, unit=unit)
    for values, figure in rows:
        if figure is not None and math.isfinite(figure):
            family.add_metric(values, figure)
    return family


def _labels(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.target, verdict.case, verdict.unit
