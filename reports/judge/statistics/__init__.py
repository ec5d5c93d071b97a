"""Importing this package registers every statistic."""

from . import disruption, ejection, encryption, recovery

__all__ = ["disruption", "ejection", "encryption", "recovery"]
