"""Importing this package registers every statistic."""

from . import access, alerting, disruption, ejection, encryption, recovery, restoration, tracing

__all__ = [
    "access",
    "alerting",
    "disruption",
    "ejection",
    "encryption",
    "recovery",
    "restoration",
    "tracing",
]
