"""Mutual TLS: which objects let a workload answer anything else."""

from __future__ import annotations

from collections.abc import Iterator

from experiments import plain_yaml
from experiments.attainability.model import Attainability, Item, Question, named
from experiments.attainability.registry import bounds

ROOT, STRICT, NEWEST = "istio-system", "STRICT", "TLSV1_3"


@bounds("plaintext_violations")
def mutual_tls(question: Question) -> Attainability:
    """One violation at least for each exception: of the whole mesh, a namespace, a workload or a port."""
    namespaces = question.arguments("call_from_outside")["namespaces"]
    found = list(_exceptions(question, set(namespaces)))
    if question.target.parameters.get("modes") and "tls1.2" in question.target.parameters["modes"]:
        found += _old_versions(question)
    if found:
        return question.answer(
            len(found), found[0][0] + (f" (and {len(found) - 1} more)" if found[1:] else ""), found[0][1]
        )
    return question.answer(0, f"PeerAuthentication {ROOT}: STRICT, {NEWEST}, without exceptions")


def _exceptions(question: Question, namespaces: set[str]) -> Iterator[tuple[str, str]]:
    every = question.settings.of("PeerAuthentication")
    mesh_wide = [item for item in every if _where(item) == (ROOT, False)]
    own = {_where(item)[0] for item in every if not _where(item)[1] and _mode(item) != "UNSET"}
    if not mesh_wide and not namespaces <= own:
        yield f"no PeerAuthentication in {ROOT} holds for the mesh: PERMISSIVE", f"one in {ROOT} with mtls.mode: STRICT"
    for item in every:
        namespace, selective = _where(item)
        # The mesh's own word counts only where no namespace has another.
        if namespace not in namespaces and (selective or namespace != ROOT or namespaces <= own):
            continue
        mode = _mode(item)
        if mode != STRICT and not (mode == "UNSET" and namespace != ROOT):
            yield f"{named(item)}: mtls.mode {mode}", f"{named(item)}: mtls.mode: STRICT"
        for port, setting in (item["spec"].get("portLevelMtls") or {}).items():
            if setting.get("mode") != STRICT:
                yield (
                    f"{named(item)}: port {port} is {setting.get('mode')}",
                    f"{named(item)}: remove the exception of port {port}",
                )


def _old_versions(question: Question) -> list[tuple[str, str]]:
    config = question.settings.get("ConfigMap", ROOT, "istio")
    text = ((config or {}).get("data") or {}).get("mesh")
    if text is None:
        return []  # nothing is known of it
    version = ((plain_yaml.load(text) or {}).get("meshMTLS") or {}).get("minProtocolVersion", "TLSV1_2")
    fix = f"meshMTLS.minProtocolVersion: {NEWEST} in the mesh's configuration"
    return [] if version == NEWEST else [(f"ConfigMap {ROOT}/istio: meshMTLS.minProtocolVersion {version}", fix)]


def _where(item: Item) -> tuple[str, bool]:
    """Its namespace, and whether it is for some workloads only."""
    return item["metadata"]["namespace"], bool(item.get("spec", {}).get("selector"))


def _mode(item: Item) -> str:
    return str(((item.get("spec") or {}).get("mtls") or {}).get("mode", "UNSET"))
