"""The gateway's rate limit: how many requests would be let through, or refused, that should not be?"""

from __future__ import annotations

import math
from typing import Any

from experiments.attainability import mesh
from experiments.attainability.durations import seconds
from experiments.attainability.model import Attainability, Question, named
from experiments.attainability.registry import bounds

FILTER = "envoy.filters.http.local_ratelimit"


@bounds("rate_limit_violations")
def limited(question: Question) -> Attainability:
    """What the live bucket lets through of the flood beyond the target's, and refuses of the rest."""
    load, wanted = question.arguments("flood"), question.target.parameters
    bucket, words = _bucket(question)
    each_s = float(load["each_s"])
    most = wanted["burst"] + wanted["rate_hz"] * (math.floor(each_s) + 1)
    passed = min(load["flood_hz"] * each_s, bucket[0] + bucket[1] * each_s)
    refused = max(0.0, load["below_hz"] * each_s - bucket[0] - bucket[1] * each_s)
    return question.answer(
        math.floor(max(0.0, passed - most) + 2 * refused),
        words,
        f"a bucket of {wanted['burst']:g} tokens, {wanted['rate_hz']:g} a second, in the gateway's {FILTER}",
    )


def _bucket(question: Question) -> tuple[tuple[float, float], str]:
    """Returns (most tokens, tokens a second) of the gateway's filter, and where it says so."""
    for item in question.settings.of("EnvoyFilter", mesh.INGRESS[0]):
        for patch in item["spec"].get("configPatches") or []:
            value: dict[str, Any] = (patch.get("patch") or {}).get("value") or {}
            if value.get("name") == FILTER:
                bucket = value["typed_config"]["token_bucket"]
                rate_hz = bucket["tokens_per_fill"] / seconds(bucket["fill_interval"])
                words = f"{named(item)}: {bucket['max_tokens']} tokens, {rate_hz:g} a second"
                return (bucket["max_tokens"], rate_hz), words
    return (math.inf, math.inf), f"no EnvoyFilter of the gateway has {FILTER}"
