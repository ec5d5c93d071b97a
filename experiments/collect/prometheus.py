"""Prometheus' ranges over a case's time: a short list of queries for each area, in queries.toml."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from experiments.collect.scene import Scene
from experiments.drivers.monitoring import Monitoring

QUERIES = Path(__file__).with_name("queries.toml")
EVERY = "every"  # the queries of all areas
STEP_S = 15.0  # Prometheus scrapes as often


def queries(area: str) -> dict[str, str]:
    """Returns the queries of an area by name, those of all areas among them."""
    known = tomllib.loads(QUERIES.read_text())
    return {**known[EVERY], **known.get(area, {})}


def questions(scene: Scene) -> dict[str, Callable[[], Any]]:
    """Asks for each query from one scrape before the case until now."""
    monitoring, begin, end = Monitoring.of(scene.cluster), scene.begun - STEP_S, time.time()
    return {
        name: partial(monitoring.range, expression, begin, end, STEP_S)
        for name, expression in queries(scene.area).items()
    }
