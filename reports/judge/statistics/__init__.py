"""Importing this package registers every statistic."""

from . import alerting, balancing, disruption, ejection, encryption, recovery, release, restoration, routing, tracing

__all__ = [
    "alerting",
    "balancing",
    "disruption",
    "ejection",
    "encryption",
    "recovery",
    "release",
    "restoration",
    "routing",
    "tracing",
]
