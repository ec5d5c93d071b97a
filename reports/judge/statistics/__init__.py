"""Importing this package registers every statistic."""

from . import (
    alerting,
    disruption,
    ejection,
    encryption,
    outlier,
    pool,
    rate_limit,
    recovery,
    restoration,
    retries,
    tracing,
)

__all__ = [
    "alerting",
    "disruption",
    "ejection",
    "encryption",
    "outlier",
    "pool",
    "rate_limit",
    "recovery",
    "restoration",
    "retries",
    "tracing",
]
