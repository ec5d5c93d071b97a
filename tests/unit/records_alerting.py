"""Good records of the alerts' experiments."""

from __future__ import annotations

from typing import Any

from tests.unit.records import T0, Case, ejection, fault, journal, ready

EVERYBODY = ("slack", "email", "pagerduty")


def alert(t: float, state: str, by: str = "prometheus", name: str = "", **more: Any) -> dict[str, Any]:
    moment = {"t": T0 + t, "lo": T0 + t - (1 if by == "prometheus" else 0), "hi": T0 + t}
    return {"kind": "alert", "name": name, "state": state, "by": by, "severity": "", **moment, **more}


def probe(t: float = -3) -> dict[str, Any]:
    return alert(t, "firing", "slack", "ReceiverProbe")


def story(
    name: str, severity: str, channels: tuple[str, ...], fired_s: float, over_s: float, resolved_s: float
) -> list[dict[str, Any]]:
    """Asked before the fault, pending, fired, told, and called off."""
    prometheus = [(-2.0, "inactive"), (fired_s - 30, "pending"), (fired_s, "firing"), (over_s + 20, "inactive")]
    events = [probe()] + [alert(t, state, name=name, severity=severity) for t, state in prometheus]
    events += [alert(fired_s + 11, "firing", channel, name) for channel in channels]
    events += [alert(resolved_s, "resolved", channel, name) for channel in channels]
    return [*events, alert(resolved_s + 60, "inactive", name=name, severity=severity)]


def availability(
    fired_s: float = 160, resolved_s: float = 290, channels: tuple[str, ...] = EVERYBODY, severity: str = "critical"
) -> list[dict[str, Any]]:
    """Three of nine from 0, a fourth from 110, all healed at 220."""
    three, fourth = fault("three", held_s=220), fault("fourth", held_s=220)
    for event in fourth[:3]:
        event["t"] += 110
    fourth[1]["lo"] += 110
    fourth[1]["hi"] += 110
    counts = [(-5, 9), (8, 8), (8.1, 7), (8.2, 6), (118, 5), (223, 7), (224, 9)]
    events = [*three, *fourth, *(ready(t, "app", count) for t, count in counts)]
    return events + story("PodAvailabilityLow", severity, channels, fired_s, 220, resolved_s)


def breaker(channels: tuple[str, ...] = ("slack",), fired_s: float = 40, *, ejected: bool = True) -> Case:
    events = [*fault(held_s=100, pod="shop/app-0"), probe()]
    events += [ejection("gw", 3), ejection("caller", 2)] if ejected else []
    events += story("CircuitBreakerEjecting", "warning", channels, fired_s, 100, 150)
    return Case("alerts/circuit_breaker", ["alert.circuit_breaker"], events, journal())
