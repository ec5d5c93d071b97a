"""The receiver of notifications: Slack, e-mail and PagerDuty end here, so that nothing leaves the machine."""

from __future__ import annotations

from pathlib import Path

from deploy.component import Component

COMPONENT = Component("notifications", Path(__file__).parent, addresses={"notifications": "notifications"})
