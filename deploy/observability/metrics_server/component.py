"""metrics-server: processor and memory figures of pods, which the HPAs scale on."""

from __future__ import annotations

from pathlib import Path

from deploy.component import Component

COMPONENT = Component("metrics-server", Path(__file__).parent, requires=())
