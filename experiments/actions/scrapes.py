"""What Prometheus knows of the callers' own proxies, read at two scrapes: one while they call, one after their last."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from deploy.waiting import NotSo, eventually
from experiments import pods, session
from experiments.drivers.monitoring import Monitoring
from experiments.pods import CALLERS

DESTINATION = "app.shop"
LATENCY = "envoy_cluster_upstream_rq_time_bucket"
DURATION = "scrape_duration_seconds"
FIGURES = {
    "envoy_cluster_upstream_rq_total": "attempts",
    "envoy_cluster_upstream_rq": "errors",
    "envoy_cluster_upstream_rq_retry": "retries",
    "envoy_cluster_upstream_rq_retry_success": "retry_successes",
    "envoy_cluster_outlier_detection_ejections_enforced_total": "ejections",
}
ERRORS = "5xx"
NAMES = "|".join([*FIGURES, LATENCY])
# The samples themselves, with the moment at which each was scraped; the newest of a minute are enough.
QUERIES = (
    f'{{__name__=~"{NAMES}", namespace="{CALLERS}", destination="{DESTINATION}"}}[60s]',
    f'{DURATION}{{job="envoy", namespace="{CALLERS}"}}[60s]',
)


@dataclass
class Scrape:
    """What one scrape of one proxy brought.

    Attributes:
        at: when it began (wall clock, seconds).
        took_s: how long it took; what it counted, it counted in that time.
        figures: counters by name.
        buckets: requests that took no longer, by the bound in ms.
    """

    at: float
    took_s: float = 0.0
    figures: dict[str, float] = field(default_factory=dict)
    buckets: dict[str, float] = field(default_factory=dict)


def first_scrape(zones: list[str], within_s: float) -> dict[str, Any]:
    """Records the first scrape of each zone's caller that begins from now on, while the callers call."""
    return _read("first", zones, within_s)


def last_scrape(zones: list[str], within_s: float) -> dict[str, Any]:
    """Waits until every caller is done, and records the first scrape of each zone's caller after that."""
    session.current().traffic.wait()
    return _read("last", zones, within_s)


def _read(moment: str, zones: list[str], within_s: float) -> dict[str, Any]:
    """Records a scrape for each zone; an empty one where Prometheus has none, as of a proxy that it does not know."""
    running = session.current()
    since, monitoring = time.time(), Monitoring.of(running.cluster)
    proxies = {zone: pods.one_running(running.cluster, CALLERS, f"app=caller-{zone}").name for zone in zones}
    found: dict[str, Scrape] = {}

    def fresh() -> dict[str, Scrape]:
        nonlocal found
        series = [each for query in QUERIES for each in monitoring.query(query)]
        found = {pod: scrape for pod, scrape in newest(series).items() if scrape.at > since}
        return found

    with suppress(NotSo):  # the judge says which figure has no sample
        eventually(
            fresh,
            lambda known: set(proxies.values()) <= set(known),
            within_s=within_s,
            every_s=2,
            what="Prometheus to scrape every caller's proxy",
        )
    for zone, pod in proxies.items():
        running.recorder.event("scrape", moment=moment, zone=zone, proxy=f"{CALLERS}/{pod}", **_fields(found.get(pod)))
    return {"moment": moment, "scraped": {zone: pod in found for zone, pod in proxies.items()}}


def _fields(scrape: Scrape | None) -> dict[str, Any]:
    if scrape is None:
        return {}
    lo = time.monotonic() - (time.time() - scrape.at)
    return {"lo": lo, "hi": lo + scrape.took_s, "figures": scrape.figures, "buckets": scrape.buckets}


def newest(series: Iterable[Mapping[str, Any]]) -> dict[str, Scrape]:
    """Returns the newest scrape that a list of series (range vectors) holds of each pod's proxy.

    All samples of one scrape have one moment. A proxy is scraped if there is a sample of its requests: that the others
    are not there then means that it has not counted any such yet.
    """
    scrapes: dict[tuple[str, float], Scrape] = {}
    for each in series:
        metric, pod = each["metric"], each["metric"].get("pod", "")
        for at, value in each["values"]:
            scrape = scrapes.setdefault((pod, float(at)), Scrape(float(at)))
            _put(scrape, metric, float(value))
    whole = [(pod, scrape) for (pod, _), scrape in scrapes.items() if "attempts" in scrape.figures and scrape.took_s]
    return dict(sorted(whole, key=lambda entry: entry[1].at))


def _put(scrape: Scrape, metric: Mapping[str, str], value: float) -> None:
    name = metric["__name__"]
    if name == DURATION:
        scrape.took_s = value
    elif name == LATENCY:
        scrape.buckets[metric["le"]] = scrape.buckets.get(metric["le"], 0) + value
    elif name != "envoy_cluster_upstream_rq" or metric.get("response_code_class") == ERRORS:
        scrape.figures[FIGURES[name]] = scrape.figures.get(FIGURES[name], 0) + value
