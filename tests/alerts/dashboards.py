"""The dashboards of deploy/observability/dashboards, and what a live Prometheus says to their queries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from deploy.paths import DEPLOY

if TYPE_CHECKING:
    from experiments.drivers.monitoring import Monitoring

FOLDER = DEPLOY / "observability" / "dashboards"
MAY_BE_EMPTY = "May be empty: "  # how a panel's description begins, with the reason, when silence is no fault
WORDS = frozenset({"and", "or", "unless", "bool", "offset", "by", "on", "ignoring", "without"})
# Strings, matchers, ranges, and lists of labels hold no metric.
NO_METRICS = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]|\b(?:by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)')
METRIC = re.compile(r"(?<![\w:.])[a-zA-Z_][\w:]*(?!\s*\(|[\w:])")


@dataclass(frozen=True)
class Query:
    """One query of one panel."""

    panel: str
    expression: str
    may_be_empty: bool

    @property
    def metrics(self) -> set[str]:
        """Names of the metrics that it reads."""
        return set(METRIC.findall(NO_METRICS.sub(" ", self.expression))) - WORDS


def queries(dashboard: dict[str, Any]) -> Iterator[Query]:
    """Yields every query of a dashboard."""
    for panel in dashboard["panels"]:
        may_be_empty = panel.get("description", "").startswith(MAY_BE_EMPTY)
        for target in panel["targets"]:
            yield Query(f"{dashboard['title']}: {panel['title']}", target["expr"], may_be_empty)


def load() -> dict[Path, dict[str, Any]]:
    """Reads every dashboard."""
    return {path: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def unanswered(monitoring: Monitoring, asked: Iterable[Query]) -> list[str]:
    """Returns what is wrong, a line for each query: refused, about metrics that there are not, or without data.

    Metrics must exist whatever the query returns: a misspelt one behind an `or`, or in a panel that may be empty, would
    never be missed.
    """
    return [f"{query.panel}: {wrong}" for query in asked if (wrong := _wrong(monitoring, query))]


def _wrong(monitoring: Monitoring, query: Query) -> str:
    try:
        has_data = any(sample["value"][1] != "NaN" for sample in monitoring.query(query.expression))
        unknown = [name for name in sorted(query.metrics) if not monitoring.query(f'{{__name__="{name}"}}')]
    except Problem as problem:
        return f"{problem.what}: {problem.why}"
    if unknown:
        return f"no metric is called {', '.join(unknown)}"
    return "" if has_data or query.may_be_empty else f"no data for {query.expression}"
