"""Velero's own account: which backups and restores there are, and how each ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.collect.scene import Scene
from experiments.objects import Object, listed, where

AREA = "disaster_recovery"
KINDS = ("backups", "restores", "podvolumebackups", "podvolumerestores", "schedules", "backupstoragelocations")
TOLD = ("phase", "startTimestamp", "completionTimestamp", "errors", "warnings", "failureReason", "progress", "message")


def questions(scene: Scene) -> dict[str, Callable[[], Any]]:
    """Asks for each kind, in experiments about disaster recovery only."""
    kinds = KINDS if scene.area == AREA else ()
    return {kind: lambda kind=kind: _objects(scene, kind) for kind in kinds}  # type: ignore[misc]


def _objects(scene: Scene, kind: str) -> dict[str, Object]:
    found = listed(scene.cluster, f"apis/velero.io/v1/{kind}")
    if found is None:
        raise LookupError(f"the cluster does not know velero.io/v1 {kind}")
    return {where(item): told(item) for item in found}


def told(item: Object) -> Object:
    """Returns when an object was made, from what, and what its status says."""
    status, spec = item.get("status") or {}, item.get("spec") or {}
    facts = {"created": item["metadata"]["creationTimestamp"], "from": spec.get("backupName") or spec.get("schedule")}
    return {key: value for key, value in facts.items() if value} | {key: status[key] for key in TOLD if status.get(key)}
