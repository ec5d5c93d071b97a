"""Velero by its own objects: which backup there is, and a restore from it. Only what is complete counts."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually

if TYPE_CHECKING:
    from deploy.cluster import Cluster

API, NAMESPACE = "velero.io/v1", "velero"
SCHEDULE = "velero.io/schedule-name"
COMPLETED = "Completed"
OVER = frozenset({COMPLETED, "PartiallyFailed", "Failed", "FailedValidation"})


@dataclass(frozen=True, slots=True)
class Backup:
    """A complete backup; what it holds is as it was when it was begun."""

    name: str
    schedule: str
    begun: datetime


@dataclass(frozen=True, slots=True)
class Restored:
    """How a restore ended; the phase is Velero's own word."""

    name: str
    phase: str
    detail: str


def newest(cluster: Cluster, namespace: str) -> Backup:
    """Returns the newest complete backup of a schedule that holds a namespace.

    Raises:
        Problem: there is none.
    """
    found = [
        Backup(
            item["metadata"]["name"],
            str((item["metadata"].get("labels") or {}).get(SCHEDULE, "")),
            datetime.fromisoformat(item["status"]["startTimestamp"]),
        )
        for item in _of(cluster, "Backup").get(namespace=NAMESPACE).to_dict()["items"]
        if (item.get("status") or {}).get("phase") == COMPLETED and _holds(item, namespace)
    ]
    if not found:
        raise Problem(f"Velero has no complete backup of namespace {namespace}", fix="kubectl -n velero get backups")
    return max(found, key=lambda backup: backup.begun)


def back_up(cluster: Cluster, schedule: str, within_s: float) -> str:
    """Makes a backup now, as a schedule would, and waits until it is complete; returns its name.

    Raises:
        Problem: it did not become complete.
    """
    template = _of(cluster, "Schedule").get(name=schedule, namespace=NAMESPACE).to_dict()["spec"]["template"]
    name, status = run(cluster, "Backup", template, within_s, labels={SCHEDULE: schedule})
    if status.get("phase") != COMPLETED:
        raise Problem(
            f"Velero's backup {name} is {status.get('phase', 'not begun')}",
            why=f"{status.get('errors', 0)} errors",
            fix=f"kubectl -n {NAMESPACE} logs deploy/velero | grep {name}",
        )
    return name


def restore(cluster: Cluster, backup: Backup, spec: dict[str, Any], within_s: float) -> Restored:
    """Restores from a backup and waits until that is over, or patience is.

    Args:
        cluster: where Velero runs.
        backup: what to restore from.
        spec: which namespaces, kinds and labels, as velero.io/v1 Restore says it.
        within_s: patience in seconds.
    """
    name, status = run(cluster, "Restore", {"backupName": backup.name, **spec}, within_s)
    progress = status.get("progress") or {}
    told = [f"{progress.get('itemsRestored', 0)} of {progress.get('totalItems', 0)} objects"]
    told += [f"{status[key]} {key}" for key in ("errors", "warnings") if status.get(key)]
    told += [str(text) for key in ("failureReason", "validationErrors") if (text := status.get(key))]
    return Restored(name, str(status.get("phase", "not begun")), ", ".join(told))


def run(
    cluster: Cluster,
    kind: str,
    spec: dict[str, Any],
    within_s: float,
    *,
    name: str = "",
    labels: dict[str, str] | None = None,
) -> tuple[str, dict[str, Any]]:
    """Asks for a backup or a restore and waits until it is over, or patience is.

    Args:
        cluster: where Velero runs.
        kind: Backup or Restore.
        spec: as velero.io/v1 says it.
        within_s: patience in seconds.
        name: of the object; "" for one that nobody else has.
        labels: of the object.

    Returns:
        Its name and its status: {} when Velero has not begun.
    """
    name = request(cluster, kind, spec, name=name, labels=labels)
    try:
        return name, eventually(
            lambda: status_of(cluster, kind, name),
            lambda status: status.get("phase") in OVER,
            within_s=within_s,
            every_s=0.5,
            what=f"Velero's {kind.lower()} {name}",
        )
    except NotSo as missed:
        return name, missed.last if isinstance(missed.last, dict) else {}


def request(
    cluster: Cluster, kind: str, spec: dict[str, Any], *, name: str = "", labels: dict[str, str] | None = None
) -> str:
    """Asks Velero for something and does not wait for it; returns the name of the object that asks."""
    name = name or f"experiment-{uuid.uuid4().hex[:10]}"
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels or {}}
    body = {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}
    _of(cluster, kind).create(body=body, namespace=NAMESPACE)
    return name


def status_of(cluster: Cluster, kind: str, name: str) -> dict[str, Any]:
    """Returns what Velero says of one of its objects, {} when it has not looked at it yet."""
    return dict(_of(cluster, kind).get(name=name, namespace=NAMESPACE).to_dict().get("status") or {})


def _holds(backup: dict[str, Any], namespace: str) -> bool:
    spec, labels = backup["spec"], backup["metadata"].get("labels") or {}
    included, excluded = spec.get("includedNamespaces") or ["*"], spec.get("excludedNamespaces") or []
    return SCHEDULE in labels and ("*" in included or namespace in included) and namespace not in excluded


def _of(cluster: Cluster, kind: str) -> Any:
    return cluster.dynamic.resources.get(api_version=API, kind=kind)
