"""Voluntary disruption: how many pods the budgets keep, by Kubernetes' own arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass

from experiments.attainability.model import Attainability, Item, Question, named, selects
from experiments.attainability.registry import bounds


@dataclass(frozen=True, slots=True)
class Guard:
    """What guards a tier.

    Attributes:
        kept: of its replicas, at every moment.
        wrong: why its boundary is not that of the promise, "" when it is.
    """

    replicas: int
    kept: int
    words: str
    wrong: str
    fix: str = ""


@bounds("pods_kept_percent")
def pods_kept(question: Question) -> Attainability:
    """The share that is kept in the tier with the least; a budget that is tighter than the promise breaks it too."""
    guards = [
        _guard(question, namespace, tier)
        for namespace, watched in question.document.configuration.watch.items()
        for tier in question.target.parameters.get("tiers") or watched
    ]
    worst = min(guards, key=lambda guard: (not guard.wrong, guard.kept / guard.replicas))
    percent = 100 * worst.kept / worst.replicas
    if worst.wrong:
        return question.never(worst.wrong, worst.fix, percent)
    return question.answer(percent, worst.words)


def _guard(question: Question, namespace: str, tier: str) -> Guard:
    deployment = question.settings.get("Deployment", namespace, tier)
    if deployment is None:
        return Guard(1, 0, "", f"no Deployment {namespace}/{tier}", "deploy it: make up")
    replicas = int(deployment["spec"].get("replicas", 1))
    labels = deployment["spec"]["template"]["metadata"].get("labels") or {}
    found = [
        budget
        for budget in question.settings.of("PodDisruptionBudget", namespace)
        if selects(budget["spec"].get("selector") or {}, labels)
    ]
    wanted = math.ceil(round(question.target.limit * replicas / 100, 9))
    fix = f"one PodDisruptionBudget for {namespace}/{tier} with minAvailable: {question.target.limit:g}%"
    if len(found) != 1:
        names = " and ".join(map(named, found)) or "no PodDisruptionBudget"
        why = "the eviction API answers 500" if found else "it refuses no eviction"
        return Guard(replicas, 0, "", f"{names} for Deployment {namespace}/{tier}: {why}", fix)
    (budget,) = found
    kept, rule = _kept(budget, replicas)
    words = f"{named(budget)}: {rule} of {replicas} keeps {kept}"
    wrong = "" if kept == wanted else f"{words}, and {question.target.limit:g} % are {wanted}"
    return Guard(replicas, kept, words, wrong, fix)


def _kept(budget: Item, replicas: int) -> tuple[int, str]:
    """How many of the replicas a budget keeps, and its own words. Percentages round up, of spec.replicas."""
    spec = budget["spec"]
    if "minAvailable" in spec:
        return min(replicas, _count(spec["minAvailable"], replicas)), f"minAvailable {spec['minAvailable']}"
    allowed = _count(spec["maxUnavailable"], replicas)
    return max(0, replicas - allowed), f"maxUnavailable {spec['maxUnavailable']}"


def _count(value: int | str, replicas: int) -> int:
    text = str(value)
    return math.ceil(round(float(text[:-1]) * replicas / 100, 9)) if text.endswith("%") else int(text)
