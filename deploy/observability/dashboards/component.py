"""The dashboards as code, in a ConfigMap that Grafana loads where there is one."""

from __future__ import annotations

from pathlib import Path

from deploy.component import Component

COMPONENT = Component("dashboards", Path(__file__).parent, requires=())
