"""Capacity after a zone is lost: when are its pods replaced, and may the other zones take them?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from experiments.attainability import nodes, room
from experiments.attainability.model import Attainability, Item, Question, named
from experiments.attainability.registry import bounds

PERIOD_S = 10  # Kubernetes' default for a probe


@bounds("capacity_recovery_s")
def capacity(question: Question) -> Attainability:
    """Node grace period + tolerationSeconds + start-up, for the slowest tier; and its spread must leave it a place."""
    zone = str((question.document.configuration.model_extra or {})["zone"])
    tiers, missing = _deployments(question)
    if missing:
        return question.never(f"no Deployment {missing[0]}", "deploy it: make up")
    for deployment in tiers:
        for constraint in deployment["spec"]["template"]["spec"].get("topologySpreadConstraints") or []:
            if told := _shut_out(question, deployment, constraint, zone):
                return question.never(f"{named(deployment)}: {told[0]}", told[1])
    if told := room.lacking(question.settings, tiers, zone):
        return question.never(*told)
    slowest = max(tiers, key=lambda item: _wait_s(item) + _start_s(item))
    tolerated, start_s = _wait_s(slowest), _start_s(slowest)
    noticed_s, words = nodes.noticed_s(question.settings)
    if not math.isfinite(tolerated):
        return question.never(f"{named(slowest)}: tolerates {nodes.UNREACHABLE} for ever", _fix(question, start_s))
    return question.answer(
        noticed_s + tolerated + start_s,
        f"{named(slowest)}: {words}; tolerationSeconds {tolerated:g}; readiness probe after {start_s:g} s",
        _fix(question, start_s),
    )


def _deployments(question: Question) -> tuple[list[Item], list[str]]:
    """The Deployments of the watched tiers, and the names of those that are not there."""
    found, missing = [], []
    for namespace, watched in question.document.configuration.watch.items():
        for tier in (each for each in watched if each in question.target.parameters.get("tiers", watched)):
            deployment = question.settings.get("Deployment", namespace, tier)
            found += [deployment] if deployment else []
            missing += [] if deployment else [f"{namespace}/{tier}"]
    return found, missing


def _wait_s(deployment: Item) -> float:
    tolerated = nodes.tolerated_s(deployment["spec"]["template"]["spec"])
    return math.inf if tolerated is None else tolerated


def _start_s(deployment: Item) -> float:
    """The least time from a replacement's start until it is ready, by its probes alone."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return max(
        _first_s(container.get("startupProbe")) + _ready_s(container.get("readinessProbe")) for container in containers
    )


def _first_s(probe: Mapping[str, Any] | None) -> float:
    return float((probe or {}).get("initialDelaySeconds", 0))


def _ready_s(probe: Mapping[str, Any] | None) -> float:
    if not probe:
        return 0.0
    return _first_s(probe) + float(probe.get("periodSeconds", PERIOD_S)) * float(probe.get("successThreshold", 1))


def _fix(question: Question, start_s: float) -> str:
    """The longest toleration that is sure to be short enough: with the worst of the other timers."""
    (grace_s, _), limit_s = nodes.grace_s(question.settings), question.target.limit
    most = math.ceil(limit_s - grace_s - nodes.LOOK_S - start_s) - 1
    if most >= 0:
        return f"tolerationSeconds for {nodes.UNREACHABLE}: at most {most}"
    most = math.ceil(limit_s - nodes.LOOK_S - start_s) - 1
    return f"kube-controller-manager --node-monitor-grace-period: less than {most}s, and tolerationSeconds to fit"


def _shut_out(question: Question, deployment: Item, constraint: Mapping[str, Any], zone: str) -> tuple[str, str] | None:
    """Why a spread constraint keeps replacements out of the zones that are left, and what to change.

    A domain that counts and has no pod holds the others down to maxSkew pods each. The dead zone is such a domain
    unless nodeTaintsPolicy is Honor; with fewer domains than minDomains the minimum counts as 0 too.
    """
    if constraint.get("whenUnsatisfiable", "DoNotSchedule") != "DoNotSchedule":
        return None
    key, skew = constraint["topologyKey"], int(constraint["maxSkew"])
    left = nodes.left_for(question.settings, deployment["spec"]["template"]["spec"], zone)
    domains = {node["metadata"]["labels"][key] for node in left if key in node["metadata"].get("labels", {})}
    every = [node for node in question.settings.of("Node") if key in (node["metadata"].get("labels") or {})]
    empty = {node["metadata"]["labels"][key] for node in every if nodes.zone_of(node) == zone} - domains
    replicas, least = int(deployment["spec"].get("replicas", 1)), int(constraint.get("minDomains", 1))
    if not domains:
        return f"no node outside {zone} may take its pods", "see nodeSelector and the taints of the other nodes"
    needed = math.ceil(replicas / len(domains))
    if needed <= skew:
        return None
    where = f"topologySpreadConstraints {key}"
    if least > len(domains):
        return (
            f"{where}: minDomains {least}, and {len(domains)} are left: {needed} pods in one exceed maxSkew {skew}",
            f"minDomains: at most {len(domains)}, or remove it",
        )
    if empty and constraint.get("nodeTaintsPolicy", "Ignore") != "Honor":
        return (
            f"{where}: nodeTaintsPolicy Ignore counts {zone} as empty: {needed} pods in another exceed maxSkew {skew}",
            "nodeTaintsPolicy: Honor",
        )
    return None
