"""Importing this package registers every statistic."""

from . import access, agreement, alerting, disruption, ejection, encryption, recovery, restoration, tracing

__all__ = [
    "access",
    "agreement",
    "alerting",
    "disruption",
    "ejection",
    "encryption",
    "recovery",
    "restoration",
    "tracing",
]
