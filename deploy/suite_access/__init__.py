"""Whom the suite acts as on a cluster: an account for each kind of fault, with the rights that it uses alone."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from deploy import manifests

NAMESPACE = "resilience-suite"
FOLDER = Path(__file__).parent


@cache
def accounts() -> frozenset[str]:
    """Returns the names of the accounts."""
    objects = manifests.parse((FOLDER / "accounts.yaml").read_text(), "accounts.yaml")
    return frozenset(item["metadata"]["name"] for item in objects if item["kind"] == "ServiceAccount")
