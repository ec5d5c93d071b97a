"""Dashboards have the shape that Grafana loads, and each is in the ConfigMap that it loads them from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alerts.dashboards import FOLDER, MAY_BE_EMPTY, Query, load, queries

DASHBOARDS = load()


def test_every_dashboard_is_in_the_config_map_under_a_name_of_its_own() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["configMapGenerator"][0]["files"]
    assert sorted(listed) == [path.name for path in DASHBOARDS]
    assert [dashboard["uid"] for dashboard in DASHBOARDS.values()] == [path.stem for path in DASHBOARDS]


@pytest.mark.parametrize(("path", "dashboard"), DASHBOARDS.items(), ids=lambda value: getattr(value, "stem", ""))
def test_panels_are_told_apart_and_each_can_be_drawn(path: Path, dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)
    for panel in panels:
        assert {"type", "title", "gridPos", "datasource", "fieldConfig", "targets"} <= panel.keys()
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]
        for target in panel["targets"]:
            assert {"refId", "expr", "legendFormat"} == target.keys()
        if panel.get("description", "").startswith(MAY_BE_EMPTY.strip()):
            assert len(panel["description"]) > len(MAY_BE_EMPTY), "say why"


QUERIES = [query for dashboard in DASHBOARDS.values() for query in queries(dashboard)]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.expression)
def test_every_query_reads_a_metric(query: Query) -> None:
    assert query.metrics


def test_metrics_are_found_in_a_query_and_labels_are_not() -> None:
    expression = (
        'sum by (zone) (rate(a_total{b="c"}[5m])) / on (zone) group_left (d) (e:f:g > 0) or scalar(max(h offset 1m))'
    )
    assert Query("", expression, may_be_empty=False).metrics == {"a_total", "e:f:g", "h"}
