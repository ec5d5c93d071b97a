"""Importing this package registers every statistic."""

from . import (
    access,
    agreement,
    alerting,
    balancing,
    disruption,
    ejection,
    encryption,
    outlier,
    pool,
    rate_limit,
    recovery,
    release,
    restoration,
    retries,
    routing,
    tracing,
)

__all__ = [
    "access",
    "agreement",
    "alerting",
    "balancing",
    "disruption",
    "ejection",
    "encryption",
    "outlier",
    "pool",
    "rate_limit",
    "recovery",
    "release",
    "restoration",
    "retries",
    "routing",
    "tracing",
]
