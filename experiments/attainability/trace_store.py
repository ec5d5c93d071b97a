"""The tracing store: whether anything is left of it after a restart, and what a collector that ends takes along."""

from __future__ import annotations

import math
from typing import Any

from experiments.attainability import shares
from experiments.attainability.durations import seconds
from experiments.attainability.model import Attainability, Item, Question, Settings, named
from experiments.attainability.registry import bounds

NAMESPACE, STORE, COLLECTOR = "tracing", "opensearch", "jaeger-collector"
PATH = "-dataPath"  # the argument of OpenSearch's runner that says where it writes
FLUSH, FLUSH_S = "ES_BULK_FLUSH_INTERVAL", 0.2  # Jaeger's own, where nobody says one


@bounds("forgotten_traces")
def forgotten(question: Question) -> Attainability:
    """What the store writes must be on a volume that outlives its pod."""
    store = question.settings.get("StatefulSet", NAMESPACE, STORE)
    if store is None:
        return question.never(f"no StatefulSet {NAMESPACE}/{STORE}", "deploy it: make up")
    container = container_of(store, STORE)
    arguments = container.get("args") or []
    path = arguments[arguments.index(PATH) + 1]
    volume = next((each["name"] for each in container.get("volumeMounts") or [] if each["mountPath"] == path), None)
    claims = {claim["metadata"]["name"] for claim in store["spec"].get("volumeClaimTemplates") or []}
    if volume not in claims:
        return question.never(f"{named(store)}: {path} is on no claimed volume", f"a volumeClaimTemplate at {path}")
    return question.answer(0.0, f"{named(store)}: {path} is on claim {volume}")


@bounds("unstored_traces")
def unstored(question: Question) -> Attainability:
    """Somebody must be left to take what is sent."""
    if told := _too_few(question):
        return question.never(*told)
    fault, settings = question.arguments("delete_replicas"), question.settings
    deployment = settings.get("Deployment", fault["namespace"], fault["app"])
    scaler = settings.get("HorizontalPodAutoscaler", fault["namespace"], fault["app"])
    by = scaler or deployment
    if by is None:
        return question.never(f"no Deployment {fault['namespace']}/{fault['app']}", "deploy it: make up")
    replicas = int(by["spec"].get("minReplicas" if scaler else "replicas", 1))
    words, left = f"{named(by)}: at least {replicas} replicas", replicas - int(fault["count"])
    if left < 1:
        return question.never(f"{words}, of which none is left", f"at least {int(fault['count']) + 1}")
    return question.answer(0.0, f"{words}, of which {left} are left")


@bounds("lost_accepted_s")
def lost(question: Question) -> Attainability:
    """A collector holds what it accepted for its flush interval."""
    if told := _too_few(question):
        return question.never(*told)
    fault = question.arguments("kill_containers")
    deployment = question.settings.get("Deployment", fault["namespace"], fault["app"])
    if deployment is None:
        return question.never(f"no Deployment {fault['namespace']}/{fault['app']}", "deploy it: make up")
    said = _setting(question.settings, container_of(deployment, fault["container"]), fault["namespace"])
    flush_s, limit_s = seconds(said) if said else FLUSH_S, question.target.limit
    fix = f"{FLUSH}: at most {limit_s:g}s"
    if flush_s == 0:  # then only a number of spans ends the wait
        return question.never(f"{named(deployment)}: {FLUSH} {said}: spans may wait for ever", fix)
    return question.answer(flush_s, f"{named(deployment)}: {FLUSH} {said or f'{FLUSH_S:g}s by default'}", fix)


def _too_few(question: Question) -> tuple[str, str] | None:
    sent, least = shares.sent(question, question.traffic.duration_s), int(question.target.parameters["samples_min"])
    if sent >= least:
        return None
    longer_s = math.ceil(question.traffic.duration_s * least / max(1, sent))
    return f"the document sends {sent} traces, and {least} are needed", f"duration_s: at least {longer_s}"


def container_of(workload: Item, name: str) -> dict[str, Any]:
    """Returns a container of a workload's pods."""
    containers = workload["spec"]["template"]["spec"]["containers"]
    return next(dict(each) for each in containers if each["name"] == name)


def _setting(settings: Settings, container: dict[str, Any], namespace: str) -> str:
    """The flush interval as the container's environment says it, "" when it does not."""
    for entry in container.get("env") or []:
        if entry["name"] == FLUSH:
            return str(entry.get("value") or "")
    for source in container.get("envFrom") or []:
        if name := (source.get("configMapRef") or {}).get("name"):
            data = (settings.get("ConfigMap", namespace, name) or {}).get("data") or {}
            if FLUSH in data:
                return str(data[FLUSH])
    return ""
