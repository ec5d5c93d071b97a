"""Importing this package registers every statistic."""

from . import alerting, disruption, ejection, encryption, outlier, recovery, restoration, tracing

__all__ = ["alerting", "disruption", "ejection", "encryption", "outlier", "recovery", "restoration", "tracing"]
