"""Prometheus metrics on a port of their own."""

from __future__ import annotations

from typing import Protocol


class Meter(Protocol):
    """What the tiers report; a unit test may listen in place of Prometheus."""

    def request(self, method: str, route: str, status: int, took_s: float) -> None:
        """One business request was answered."""

    def job(self, outcome: str) -> None:
        """One job ended: done, repeated (was done before), failed."""


class Prometheus:
    """The real meter."""

    def __init__(self, tier: str, version: str) -> None:
        from prometheus_client import Counter, Histogram, Info  # type: ignore[import-not-found, unused-ignore]

        Info("shop_build", "Which tier and version this process is").info({"tier": tier, "version": version})
        self._requests = Counter("shop_requests_total", "Business requests answered", ("method", "route", "status"))
        self._took = Histogram(
            "shop_request_duration_seconds",
            "Time from request to answer",
            ("route",),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self._jobs = Counter("shop_jobs_total", "Jobs ended", ("outcome",))

    def serve(self, port: int) -> None:
        """Answers scrapes in a background thread."""
        from prometheus_client import start_http_server

        start_http_server(port)

    def request(self, method: str, route: str, status: int, took_s: float) -> None:
        """One business request was answered."""
        self._requests.labels(method, route, str(status)).inc()
        self._took.labels(route).observe(took_s)

    def job(self, outcome: str) -> None:
        """One job ended: done, repeated (was done before), failed."""
        self._jobs.labels(outcome).inc()
