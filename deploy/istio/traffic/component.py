"""Istio's configuration for the shop: gateway, routes, circuit breaking, mTLS, authorization, service entries."""

from __future__ import annotations

from pathlib import Path

from deploy.component import Component

COMPONENT = Component("istio-traffic", Path(__file__).parent, requires=("istio", "high-availability", "workloads"))
