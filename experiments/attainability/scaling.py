"""Autoscaling: whether there may ever be more, how late, and whether there is time to see them go."""

from __future__ import annotations

from typing import Any

from experiments.attainability.model import Attainability, Item, Question, named
from experiments.attainability.registry import bounds

NAMESPACE = "tracing"
# In seconds. Without a word of its own an autoscaler looks back so long before it takes pods away, and acts on figures
# that are two of its own rounds old at most; then the pods end.
LOOKS_BACK, ROUNDS, ENDS = 300, 30, 10


@bounds("scale_out_s")
def scale_out(question: Question) -> Attainability:
    """Each tier needs an autoscaler with room above its least, which waits neither too long to add nor to remove."""
    settle_s = float(question.arguments("overload")["settle_s"])
    delays = {}
    for tier in question.target.parameters["tiers"]:
        scaler = question.settings.get("HorizontalPodAutoscaler", NAMESPACE, tier)
        if scaler is None:
            return question.never(f"no HorizontalPodAutoscaler {NAMESPACE}/{tier}", "deploy it: make up")
        least, most = int(scaler["spec"].get("minReplicas", 1)), int(scaler["spec"]["maxReplicas"])
        if most <= least:
            return question.never(
                f"{named(scaler)}: maxReplicas {most} of at least {least}", f"maxReplicas: at least {least + 1}"
            )
        down_s = _window_s(scaler, "scaleDown", LOOKS_BACK)
        if down_s + ROUNDS + ENDS > settle_s:
            return question.never(
                f"{named(scaler)}: it looks back {down_s} s before it removes, and is watched for {settle_s:g} s",
                f"scaleDown.stabilizationWindowSeconds: at most {settle_s - ROUNDS - ENDS:g}",
            )
        delays[tier] = (float(_window_s(scaler, "scaleUp", 0)), named(scaler))
    delay_s, slowest = max(delays.values())
    fix = "scaleUp.stabilizationWindowSeconds: 0"
    return question.answer(delay_s, f"{slowest}: it looks back {delay_s:g} s before it adds", fix)


def _window_s(scaler: Item, direction: str, default: int) -> int:
    behavior: dict[str, Any] = scaler["spec"].get("behavior") or {}
    said = (behavior.get(direction) or {}).get("stabilizationWindowSeconds")
    return default if said is None else int(said)
