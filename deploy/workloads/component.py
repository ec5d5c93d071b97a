"""The suite's own actors: callers in each zone, one outside the mesh, and the fault injector's identity."""

from __future__ import annotations

from pathlib import Path

from deploy.component import Component

COMPONENT = Component("workloads", Path(__file__).parent, requires=("istio",))
