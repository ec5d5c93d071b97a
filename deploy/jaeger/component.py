"""Jaeger: agents, collectors and query service over the zones, retention, what the mesh traces, and HotROD."""

from __future__ import annotations

from pathlib import Path

from deploy.component import Component

COMPONENT = Component(
    "jaeger", Path(__file__).parent, requires=("istio", "opensearch"), addresses={"jaeger-query": "jaeger"}
)
