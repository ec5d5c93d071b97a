"""Objects of the cluster as plain data: what their owner meant by them, patches, and where two differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from experiments import plain_yaml

SERVERS_OWN = (
    "managedFields",
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "generation",
    "selfLink",
    "deletionTimestamp",
)
CONTROLLERS_OWN = ("deployment.kubernetes.io/revision", "history")  # the second is Patroni's list of its timelines


def essence(live: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an object without what the server and its controllers write: what its owner meant."""
    metadata = {key: value for key, value in live["metadata"].items() if key not in SERVERS_OWN}
    annotations = {key: value for key, value in metadata.pop("annotations", {}).items() if key not in CONTROLLERS_OWN}
    if annotations:
        metadata["annotations"] = annotations
    return {key: value for key, value in live.items() if key != "status"} | {"metadata": metadata}


def inside(item: dict[str, Any], path: list[str], patch: dict[str, Any]) -> dict[str, Any]:
    """Returns the patch of an object that changes the JSON, or YAML, which one of its fields holds as text."""
    text: Any = item
    for key in path:
        text = text[key]
    changed: Any = json.dumps(merged(plain_yaml.load(text), patch))
    for key in reversed(path):
        changed = {key: changed}
    return dict(changed)


def merged(value: Any, patch: Any) -> Any:
    """Applies a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), change)
    return result


def differing(before: Any, after: Any, now: Any, place: str = "") -> list[str]:
    """Returns the places in which a change made a difference and what is there now is not what it made."""
    if before == after:
        return []
    if isinstance(after, dict) and isinstance(now, dict):
        was = before if isinstance(before, dict) else {}
        keys = sorted({*was, *after})
        return [at for key in keys for at in differing(was.get(key), after.get(key), now.get(key), f"{place}.{key}")]
    return [] if now == after else [place]
