"""Egress: which of the calls of an experiment the mesh's settings let out of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from experiments import plain_yaml
from experiments.attainability.model import Attainability, Item, Question, named
from experiments.attainability.registry import bounds

ROOT, CLOSED = "istio-system", "REGISTRY_ONLY"
PASSED_ON = frozenset({"TLS", "HTTPS", "TCP"})


@bounds("egress_violations")
def egress(question: Question) -> Attainability:
    """One violation for each pod and name that is let out and must not be, or the other way round."""
    asked = question.arguments("call_out")
    wrong = list(_wrong(question, asked))
    if wrong:
        return question.answer(sum(count for count, _, _ in wrong), wrong[0][1], wrong[0][2])
    entry = _entries(question, asked, asked["names"]["known"])[0]
    return question.answer(0, f"{named(entry)}, and outboundTrafficPolicy {CLOSED}")


def _wrong(question: Question, asked: dict[str, Any]) -> Iterator[tuple[int, str, str]]:
    """Yields how many calls are answered otherwise, why, and the fix."""
    known, unknown = asked["names"]["known"], asked["names"]["unknown"]
    mode = _mode(question)
    is_open = mode != CLOSED
    inside, outside = (_pods(question, asked[who]) for who in ("replicas", "strangers"))
    entered = {name: _entries(question, asked, name) for name in (known, unknown)}
    if is_open:
        why = f"ConfigMap {ROOT}/istio: outboundTrafficPolicy {mode}"
        yield sum(inside.values()) + sum(outside.values()), why, f"outboundTrafficPolicy: {{mode: {CLOSED}}}"
        return
    for namespace, count in inside.items():
        if not any(_is_seen(item, namespace) for item in entered[known]):
            why = f"no ServiceEntry for {known}, port {asked['server']['port']}, is exported to {namespace}"
            yield count, why, f"a ServiceEntry for {known} in {namespace}"
        if found := [item for item in entered[unknown] if _is_seen(item, namespace)]:
            yield count, f"{named(found[0])} is for {unknown} too", f"{named(found[0])}: hosts [{known}]"
    for namespace, count in outside.items():
        if found := [item for item in entered[known] if _is_seen(item, namespace)]:
            yield count, f"{named(found[0])} is exported to {namespace}", f'{named(found[0])}: exportTo ["."]'


def _mode(question: Question) -> str:
    config = question.settings.get("ConfigMap", ROOT, "istio")
    mesh = plain_yaml.load(((config or {}).get("data") or {}).get("mesh") or "") or {}
    return str((mesh.get("outboundTrafficPolicy") or {}).get("mode", "ALLOW_ANY"))


def _entries(question: Question, asked: dict[str, Any], name: str) -> list[Item]:
    return [item for item in question.settings.of("ServiceEntry") if _is_for(item, name, asked["server"]["port"])]


def _is_for(item: Item, name: str, port: int) -> bool:
    spec = item["spec"]
    hosts = [host for host in spec["hosts"] if host == name or (host.startswith("*.") and name.endswith(host[1:]))]
    ports = spec.get("ports") or []
    return bool(hosts) and any(each["number"] == port and each.get("protocol", "TCP") in PASSED_ON for each in ports)


def _is_seen(item: Item, namespace: str) -> bool:
    """Nobody is named means everybody; "." is the entry's own namespace."""
    own = item["metadata"]["namespace"]
    return any(where in {"*", namespace} or (where == "." and own == namespace) for where in _exported(item))


def _exported(item: Item) -> list[str]:
    return list(item["spec"].get("exportTo") or ["*"])


def _pods(question: Question, selectors: dict[str, str]) -> dict[str, int]:
    """Returns how many pods there are to call from, by namespace."""
    found: dict[str, int] = {}
    for selector in selectors:
        namespace, _, label = selector.partition("/app=")
        deployment = question.settings.get("Deployment", namespace, label) or {"spec": {}}
        found[namespace] = found.get(namespace, 0) + int(deployment["spec"].get("replicas", 1))
    return found
