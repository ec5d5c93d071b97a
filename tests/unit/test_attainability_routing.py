"""Both sides of each boundary that the release routes draw."""

from typing import Any

import pytest

from tests.unit.settings import changed, planned, recorded, without

APP, CANARY = ("app.shop.svc.cluster.local", "app-canary.shop.svc.cluster.local")


def route(*weights: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"destination": {"host": host}, "weight": weight} for host, weight in weights]


def releases(*rules: dict[str, Any]) -> Any:
    return changed(recorded(), "VirtualService", "releases", {"spec": {"http": list(rules)}})


def canary(percent: int) -> dict[str, Any]:
    match = [{"uri": {"prefix": "/release/canary/"}}]
    return {"name": "canary", "match": match, "route": route((APP, 100 - percent), (CANARY, percent))}


WITH_HEADER = {
    "name": "b",
    "match": [{"uri": {"prefix": "/release/ab/"}, "headers": {"x-variant": {"exact": "b"}}}],
    "route": [{"destination": {"host": CANARY}}],
}
WITHOUT = {"name": "a", "match": [{"uri": {"prefix": "/release/ab/"}}], "route": [{"destination": {"host": APP}}]}


@pytest.mark.parametrize(("percent", "attainable"), [(9, False), (10, True), (11, False), (0, False)])
def test_only_the_promised_weight_gives_the_promised_share(percent: int, attainable: Any) -> None:
    answer = planned(releases(canary(percent)), "mesh.canary")
    assert (answer.attainable, answer.floor) == (attainable, percent)


@pytest.mark.parametrize(("duration_s", "attainable"), [(42, False), (62, True)])
def test_too_short_a_load_cannot_tell_ten_percent_from_five(duration_s: float, attainable: Any) -> None:
    callers = {"canary-gateway": {"url": "/release/canary/", "rate_hz": 5}}
    callers |= {f"canary-us-east-1{z}": {"url": "/release/canary/", "rate_hz": 5} for z in "abc"}
    traffic = {"rate_hz": 5, "duration_s": duration_s, "callers": callers}
    answer = planned(recorded(), "mesh.canary", traffic=traffic)
    assert answer.attainable is attainable
    assert bool(answer.fix) is not attainable


def test_a_canary_that_nobody_serves_answers_nothing() -> None:
    scaled = changed(recorded(), "Deployment", "app-canary", {"spec": {"replicas": 0}})
    for objects in (scaled, without(recorded(), "Deployment", "app-canary")):
        assert planned(objects, "mesh.canary").attainable is False
        assert planned(objects, "mesh.ab").attainable is False


def test_the_rule_for_the_header_must_come_first() -> None:
    assert planned(releases(WITH_HEADER, WITHOUT), "mesh.ab").attainable is True
    hidden = planned(releases(WITHOUT, WITH_HEADER), "mesh.ab")
    assert (hidden.attainable, hidden.floor) == (False, round(4 * 0.8 * 70))
    assert "route a does not lead to v2 alone" in hidden.bound_by


def test_a_rule_for_all_sends_variant_a_astray_too() -> None:
    all_to_canary = {**WITHOUT, "route": [{"destination": {"host": CANARY}}]}
    assert planned(releases(all_to_canary), "mesh.ab").floor == round(4 * 0.8 * 70)
    assert planned(releases(), "mesh.ab").floor == round(2 * 4 * 0.8 * 70)


@pytest.mark.parametrize(("replicas", "attainable"), [(1, True), (2, True), (0, False)])
def test_a_switch_needs_somebody_to_switch_to(replicas: int, attainable: Any) -> None:
    objects = changed(recorded(), "Deployment", "app-canary", {"spec": {"replicas": replicas}})
    answer = planned(objects, "mesh.blue_green")
    assert (answer.attainable, answer.floor) == (attainable, 0 if attainable else 4 * 4 * 20)


def test_a_switch_needs_a_route_with_two_destinations() -> None:
    assert planned(releases(canary(10)), "mesh.blue_green").attainable is False
    one = {"name": "blue-green", "route": [{"destination": {"host": CANARY}}]}
    assert planned(releases(one), "mesh.blue_green").attainable is False
    assert planned(without(recorded(), "VirtualService", "releases"), "mesh.blue_green").attainable is False
    same = changed(
        recorded(), "Deployment", "app-canary", {"spec": {"template": {"metadata": {"labels": {"version": "v1"}}}}}
    )
    assert planned(same, "mesh.blue_green").attainable is False
