"""Metrics of tracing: whether Prometheus may scrape the collectors, and does."""

from __future__ import annotations

from experiments.attainability import alerting
from experiments.attainability.alerting import Feed
from experiments.attainability.model import Attainability, Question
from experiments.attainability.registry import bounds

COLLECTORS = Feed("jaeger_collector_", "jaeger", 14269, "")


@bounds("differing_services")
def differing(question: Question) -> Attainability:
    """Prometheus must be there, know the collectors and reach their port."""
    settings, job = question.settings, COLLECTORS.job
    for told in alerting.without_data(settings, [COLLECTORS]):
        return question.never(*told)
    jobs = [each["job_name"] for each in alerting.read(settings).prometheus.get("scrape_configs") or []]
    if job not in jobs:
        return question.never(f"prometheus.yml: no job {job}", f"scrape_configs: job_name {job}")
    return question.answer(0.0, f"job {job} scrapes port {COLLECTORS.port}")
