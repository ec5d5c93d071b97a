"""Series of Prometheus become the newest scrape of each proxy: whole, or none."""

from __future__ import annotations

from typing import Any

from experiments.actions.scrapes import newest


def series(name: str, pod: str = "caller-a", values: Any = ((10.0, "1"), (25.0, "2")), **labels: str) -> dict[str, Any]:
    return {"metric": {"__name__": name, "pod": pod, **labels}, "values": [list(each) for each in values]}


DURATION = series("scrape_duration_seconds", values=((10.0, "0.1"), (25.0, "0.2")))
TOTAL = series("envoy_cluster_upstream_rq_total")


def test_the_newest_scrape_is_taken_with_all_that_it_brought() -> None:
    found = newest(
        [
            DURATION,
            TOTAL,
            series("envoy_cluster_upstream_rq", response_code_class="5xx"),
            series("envoy_cluster_upstream_rq", response_code_class="2xx", values=((25.0, "100"),)),
            series("envoy_cluster_upstream_rq_time_bucket", le="5"),
        ]
    )
    scrape = found["caller-a"]
    assert (scrape.at, scrape.took_s) == (25.0, 0.2)
    assert scrape.figures == {"attempts": 2, "errors": 2}
    assert scrape.buckets == {"5": 2}


def test_the_clusters_of_one_destination_are_added_up() -> None:
    found = newest([DURATION, TOTAL, series("envoy_cluster_upstream_rq_total", cluster_name="outbound|8080|v2|app")])
    assert found["caller-a"].figures == {"attempts": 4}


def test_a_figure_of_an_older_scrape_is_none_of_the_newest() -> None:
    late = series("envoy_cluster_upstream_rq_retry", values=((10.0, "7"),))
    assert newest([DURATION, TOTAL, late])["caller-a"].figures == {"attempts": 2}


def test_a_proxy_is_scraped_only_if_it_told_of_its_requests() -> None:
    assert newest([DURATION]) == {}
    assert newest([TOTAL]) == {}
    failed = series("scrape_duration_seconds", values=((10.0, "0.1"), (25.0, "10")))
    older = newest([failed, series("envoy_cluster_upstream_rq_total", values=((10.0, "1"),))])
    assert older["caller-a"].at == 10.0


def test_each_proxy_has_its_own() -> None:
    other = [series(each["metric"]["__name__"], "caller-b", each["values"]) for each in (DURATION, TOTAL)]
    assert set(newest([DURATION, TOTAL, *other])) == {"caller-a", "caller-b"}
