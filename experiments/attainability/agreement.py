"""Metrics of the mesh: does Prometheus get them at all, and will there be anything to compare?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from experiments import plain_yaml
from experiments.attainability import mesh
from experiments.attainability.alerting import ENVOY, read, without_data
from experiments.attainability.model import Attainability, Question
from experiments.attainability.registry import bounds

ROOT = "istio-system"
COUNTERS = ("upstream_rq_total", "upstream_rq_5xx", "upstream_rq_retry", "upstream_rq_retry_success")
NEEDED = (*COUNTERS, "upstream_rq_time", "outlier_detection.ejections_enforced_total")


@bounds("metrics_that_differ")
def metrics(question: Question) -> Attainability:
    """Each figure without a sample differs; and where nobody is ejected, no ejections can be compared."""
    fault, settings = question.arguments("break_replicas"), question.settings
    host = mesh.host_name(fault["namespace"], fault["app"])
    hosts = sum(mesh.endpoints(settings, fault["namespace"], fault["app"]).values())
    if obstacle := mesh.obstacle(mesh.rule_of(settings, host), host, int(fault["count"]), hosts):
        return question.never(f"nobody is ejected: {obstacle.bound_by}", obstacle.fix)
    for told in without_data(settings, (ENVOY,)):
        return question.never(*told)
    for where, patterns in _filters(question):
        for name in NEEDED:
            stat = f"cluster.outbound|8080||{host};.{name}"
            if not any(re.search(pattern, stat) for pattern in patterns):
                return question.never(f"{where}: {name} of {host} is left out", f"{where}: a pattern for {name}")
    zones = question.target.parameters.get("zones", ())
    return question.answer(
        0, f"Prometheus scrapes Envoy in {', '.join(zones)}, and Envoy tells of all that is compared"
    )


def _filters(question: Question) -> Iterator[tuple[str, list[str]]]:
    """Who leaves figures out: the proxies, and Prometheus when it asks them; each with the patterns of what stays."""
    config = question.settings.get("ConfigMap", ROOT, "istio")
    mesh_config = plain_yaml.load(((config or {}).get("data") or {}).get("mesh") or "") or {}
    matcher = (mesh_config.get("defaultConfig") or {}).get("proxyStatsMatcher") or {}
    yield f"ConfigMap {ROOT}/istio: proxyStatsMatcher", list(matcher.get("inclusionRegexps") or [])
    jobs: list[dict[str, Any]] = read(question.settings).prometheus.get("scrape_configs") or []
    job = next((each for each in jobs if each["job_name"] == ENVOY.job), {})
    yield f"prometheus.yml: job {ENVOY.job}", list((job.get("params") or {}).get("filter") or [])
