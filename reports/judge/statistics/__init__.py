"""Importing this package registers every statistic."""

from . import alerting, disruption, ejection, encryption, recovery, restoration, routing, tracing

__all__ = ["alerting", "disruption", "ejection", "encryption", "recovery", "restoration", "routing", "tracing"]
