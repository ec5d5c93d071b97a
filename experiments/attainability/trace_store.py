"""The tracing store: whether anything is left of it after a restart."""

from __future__ import annotations

from typing import Any

from experiments.attainability.model import Attainability, Item, Question, named
from experiments.attainability.registry import bounds

NAMESPACE, STORE = "tracing", "opensearch"
PATH = "-dataPath"  # the argument of OpenSearch's runner that says where it writes


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


def container_of(workload: Item, name: str) -> dict[str, Any]:
    """Returns a container of a workload's pods."""
    containers = workload["spec"]["template"]["spec"]["containers"]
    return next(dict(each) for each in containers if each["name"] == name)
