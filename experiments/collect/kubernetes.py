"""Kubernetes' events of a case's time: who was killed, scheduled, found unhealthy, and what it was said to be for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from experiments.collect.scene import Scene
from experiments.objects import Object, listed

EVENTS = "api/v1/events"


def questions(scene: Scene) -> dict[str, Callable[[], Any]]:
    """Asks for the events since the case began."""
    return {"events": lambda: since(listed(scene.cluster, EVENTS) or [], scene.begun)}


def since(events: list[Object], begun: float) -> list[Object]:
    """Returns what a reader needs of the events that happened, or happened again, at or after a moment; oldest first.

    Args:
        events: as the API server gives them.
        begun: wall clock, seconds; events carry whole seconds.
    """
    after = datetime.fromtimestamp(int(begun), UTC)
    found = [(last, event) for event in events if (last := _last(event)) >= after]
    return [_told(last, event) for last, event in sorted(found, key=lambda each: each[0])]


def _last(event: Object) -> datetime:
    series = event.get("series") or {}
    text = (
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"]["creationTimestamp"]
    )
    return datetime.fromisoformat(text)


def _told(last: datetime, event: Object) -> Object:
    about = event.get("involvedObject") or {}
    return {
        "last": last.isoformat(),
        "first": event.get("firstTimestamp") or event.get("eventTime"),
        "count": (event.get("series") or {}).get("count") or event.get("count") or 1,
        "type": event.get("type"),
        "reason": event.get("reason"),
        "object": "/".join(filter(None, (about.get("kind"), about.get("namespace"), about.get("name")))),
        "message": event.get("message"),
        "by": (event.get("source") or {}).get("component") or event.get("reportingComponent"),
    }
