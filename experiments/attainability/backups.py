"""Recovery: how far apart recovery points are, and whether there is anything to recover from."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from experiments.attainability.durations import seconds
from experiments.attainability.model import Attainability, Item, Question, Settings, named
from experiments.attainability.registry import bounds
from experiments.cron import spacing_s
from experiments.drivers.repository import PROGRAM
from experiments.drivers.velero import COMPLETED, NAMESPACE, SCHEDULE

PATRONI = ("Endpoints", "ConfigMap")  # where Patroni keeps the settings that hold for all members


@dataclass(frozen=True, slots=True)
class Source:
    """Something that makes recovery points.

    Attributes:
        apart_s: the longest time between two of them, until the later one is safe.
        took_s: how much of that is the time that one takes, as far as runs of it are known.
    """

    apart_s: float
    took_s: float
    words: str


@bounds("data_loss_s")
def recovery_point(question: Question) -> Attainability:
    """The tightest source: the archive of the log, else the interval of the backups and the time that one takes."""
    asked, settings, limit_s = question.arguments("know_the_way_back"), question.settings, question.target.limit
    archive = _archive(settings, asked["namespace"], asked["name"])
    scheduled = [source for job in asked["schedules"] for source in _scheduled(settings, job)]
    fix = f"archive_mode on, archive_command with {PROGRAM} and archive_timeout below {limit_s:g} s"
    sources = [source for source in (archive, *scheduled) if math.isfinite(source.apart_s)]
    if not sources:
        suspended = f"CronJobs {', '.join(asked['schedules'])} are suspended or missing"
        return question.never(f"nothing makes recovery points: {archive.words}; {suspended}", fix)
    best = min(sources, key=lambda source: source.apart_s)
    words = best.words if best is archive else f"{archive.words}; {best.words}"
    backups = f", or backups less than {limit_s - best.took_s:g} s apart" if best.took_s < limit_s else ""
    return question.answer(best.apart_s, words, fix + backups)


@bounds("data_recovery_s")
def recovery_time(question: Question) -> Attainability:
    """No figure follows from settings; but without a backup of objects or of bytes there is no way back at all."""
    settings, asked = question.settings, question.arguments("know_the_way_back")
    schedule = question.arguments("have_objects_backed_up")["schedule"]
    if told := _no_objects(settings, schedule):
        return question.never(*told)
    jobs = [_job(settings, job) for job in asked["schedules"]]
    there = [job for job in jobs if job and (not job["spec"].get("suspend") or _ever(job))]
    if not there:
        names = ", ".join(asked["schedules"])
        return question.never(
            f"no backup of the bytes: CronJobs {names} are suspended or missing, and none ever succeeded",
            f"suspend: false on one of {names}",
        )
    return question.answer(None, f"Schedule {NAMESPACE}/{schedule} for the objects, {named(there[0])} for the bytes")


def _archive(settings: Settings, namespace: str, name: str) -> Source:
    """The archive of the write-ahead log, infinitely far apart where nothing is archived."""
    for kind in PATRONI:
        item = settings.get(kind, namespace, f"{name}-config")
        text = ((item or {}).get("metadata", {}).get("annotations") or {}).get("config")
        if item and text:
            break
    else:
        return Source(math.inf, 0, f"no settings of Patroni in {namespace}/{name}-config")
    values: dict[str, Any] = (json.loads(text).get("postgresql") or {}).get("parameters") or {}
    mode, command = str(values.get("archive_mode", "off")).lower(), str(values.get("archive_command", ""))
    timeout_s = seconds(values.get("archive_timeout", 0))
    words = f"{named(item)}: archive_mode {mode}, archive_timeout {timeout_s:g} s"
    if mode not in {"on", "always", "true"}:
        return Source(math.inf, 0, words)
    if PROGRAM not in command:
        return Source(math.inf, 0, f"{words}, archive_command {command!r}")
    return Source(timeout_s or math.inf, 0, words)


def _scheduled(settings: Settings, job: str) -> Iterator[Source]:
    item = _job(settings, job)
    if item is None or item["spec"].get("suspend"):
        return
    took_s = max(_runs_s(settings, item), default=0.0)
    apart_s = spacing_s(item["spec"]["schedule"]) + took_s
    run = f", a run took {took_s:g} s" if took_s else ""
    yield Source(apart_s, took_s, f"{named(item)} at {item['spec']['schedule']}{run}")


def _job(settings: Settings, job: str) -> Item | None:
    namespace, name = job.split("/")
    return settings.get("CronJob", namespace, name)


def _ever(job: Item) -> bool:
    return bool((job.get("status") or {}).get("lastSuccessfulTime"))


def _runs_s(settings: Settings, cron: Item) -> Iterator[float]:
    """How long the runs that are still known took."""
    for job in settings.of("Job", cron["metadata"]["namespace"]):
        owners = job["metadata"].get("ownerReferences") or []
        status = job.get("status") or {}
        if status.get("completionTime") and any(owner["name"] == cron["metadata"]["name"] for owner in owners):
            begun, ended = (datetime.fromisoformat(status[key]) for key in ("startTime", "completionTime"))
            yield (ended - begun).total_seconds()


def _no_objects(settings: Settings, name: str) -> tuple[str, str] | None:
    """Why Velero can restore no objects: nothing backs them up and nothing did, or the store is not to be had."""
    schedule = settings.get("Schedule", NAMESPACE, name)
    made = [
        backup
        for backup in settings.of("Backup", NAMESPACE)
        if (backup["metadata"].get("labels") or {}).get(SCHEDULE) == name
        and (backup.get("status") or {}).get("phase") == COMPLETED
    ]
    if schedule is None:
        return f"no Schedule {NAMESPACE}/{name}, whose backup would be restored", "deploy it: make up"
    if schedule["spec"].get("paused") and not made:
        return f"{named(schedule)} is paused, and there is no complete backup of it", "paused: false"
    place = (schedule["spec"].get("template") or {}).get("storageLocation", "default")
    location = settings.get("BackupStorageLocation", NAMESPACE, place)
    phase = ((location or {}).get("status") or {}).get("phase", "missing" if location is None else "")
    if phase in {"missing", "Unavailable"}:
        return f"BackupStorageLocation {NAMESPACE}/{place} is {phase}", "velero backup-location get: see its message"
    return None
