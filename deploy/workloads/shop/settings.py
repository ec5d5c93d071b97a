"""What a process is told by its environment. PGHOST, PGUSER, PGPASSWORD … are read by the PostgreSQL driver itself."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TIERS = ("app", "api", "worker")


@dataclass(frozen=True, slots=True)
class Settings:
    """One process' settings.

    Attributes:
        tier: app, api or worker.
        version: the release it says it is, in the `x-version` header; canary routing is judged by it.
        pod: its own name, in the `x-served-by` header.
        port: business routes and probes.
        fault_port: the fault switch.
        metrics_port: Prometheus text.
        drain_s: how long it still serves, unready, after SIGTERM.
        api_url: where the app tier finds the api tier.
        sentinel: host and port of Redis Sentinel.
        redis_master: the name Sentinel knows the primary by.
        redis_password: of Redis; empty means none.
        sentinel_password: of Sentinel; empty means none.
    """

    tier: str
    version: str = "v1"
    pod: str = ""
    port: int = 8080
    fault_port: int = 9090
    metrics_port: int = 9102
    drain_s: float = 4.0
    api_url: str = "http://api.shop.svc.cluster.local:8080"
    sentinel: tuple[str, int] = ("redis-sentinel.data.svc.cluster.local", 26379)
    redis_master: str = "shop"
    redis_password: str = ""
    sentinel_password: str = ""

    @classmethod
    def read(cls, tier: str, environment: Mapping[str, str] = os.environ) -> Settings:
        """Reads the settings of a tier; ValueError names a tier or a number that is not one."""
        if tier not in TIERS:
            raise ValueError(f"there is no tier {tier!r}: use one of {', '.join(TIERS)}")
        get = environment.get
        host, _, port = get("REDIS_SENTINEL", "redis-sentinel.data.svc.cluster.local:26379").rpartition(":")
        return cls(
            tier=tier,
            version=get("SHOP_VERSION", "v1"),
            pod=get("HOSTNAME") or socket.gethostname(),
            port=int(get("SHOP_PORT", "8080")),
            fault_port=int(get("SHOP_FAULT_PORT", "9090")),
            metrics_port=int(get("SHOP_METRICS_PORT", "9102")),
            drain_s=float(get("SHOP_DRAIN_S", "4")),
            api_url=get("SHOP_API_URL", "http://api.shop.svc.cluster.local:8080").rstrip("/"),
            sentinel=(host, int(port)),
            redis_master=get("REDIS_MASTER", "shop"),
            redis_password=get("REDIS_PASSWORD", ""),
            sentinel_password=get("REDIS_SENTINEL_PASSWORD", ""),
        )
