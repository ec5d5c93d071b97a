"""Reads traces from Jaeger's HTTP API, in pages that are known to be whole.

A search answers with at most `limit` traces and does not say that it left some out. So an answer that reaches the limit
is not believed: its time window is halved until each half stays below.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from deploy.errors import Problem
from experiments.drivers.answers import ask

LIMIT = 100
WINDOW_US_MIN = 1000
SILENCE_S = 30.0
EVERY_TAG = ("experiment.run", "experiment.request", "db.system", "http.status_code")

type Traces = dict[str, dict[str, Span]]
"""Spans by trace and by their own id: a store may hold a span twice."""


@dataclass(frozen=True, slots=True)
class Span:
    """One span; see reports.traces.Span."""

    id: str
    service: str
    operation: str
    parent: str | None
    kind: str
    error: bool
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Jaeger:
    """Jaeger's query service.

    Attributes:
        url: without a path.
        tags: tags of spans that are kept besides those of the experiment.
    """

    url: str
    tags: Sequence[str] = ()

    def services(self) -> list[str]:
        """Returns the services that spans have come from."""
        return self._get("/api/services")

    def search(self, tags: Mapping[str, str], begin_s: float, end_s: float) -> Traces:
        """Returns every trace with a span of any service that carries these tags and began in a time (wall clock).

        Raises:
            Problem: Jaeger does not answer, or its answer cannot be whole.
        """
        begin_us, end_us = round(begin_s * 1e6), round(end_s * 1e6)
        return self._merged([t for name in self.services() for t in self._window(name, tags, begin_us, end_us)])

    def _window(self, service: str, tags: Mapping[str, str], begin_us: int, end_us: int) -> list[Any]:
        within = {"start": begin_us, "end": end_us, "limit": LIMIT}
        found = self._get("/api/traces", {"service": service, "tags": json.dumps(tags), **within})
        if len(found) < LIMIT:
            return found
        if end_us - begin_us <= WINDOW_US_MIN:
            raise Problem(f"{LIMIT} traces of {service} begin within {WINDOW_US_MIN} µs", why="some may be left out")
        middle_us = (begin_us + end_us) // 2
        return [
            *self._window(service, tags, begin_us, middle_us),
            *self._window(service, tags, middle_us, end_us),
        ]

    def _get(self, path: str, fields: Mapping[str, Any] | None = None) -> list[Any]:
        body = ask(self.url + path, fields, silence_s=SILENCE_S)
        if body.get("errors"):
            raise Problem(f"Jaeger answered {path} with errors", why=str(body["errors"]))
        return list(body["data"] or [])

    def _merged(self, answers: Sequence[Any]) -> Traces:
        traces: Traces = {}
        for answer in answers:
            spans = traces.setdefault(answer["traceID"], {})
            for raw in answer["spans"]:
                spans[raw["spanID"]] = self._span(raw, answer["processes"][raw["processID"]]["serviceName"])
        return traces

    def _span(self, raw: Mapping[str, Any], service: str) -> Span:
        tags = {tag["key"]: str(tag["value"]) for tag in raw.get("tags") or ()}
        parents = (link["spanID"] for link in raw.get("references") or () if link["refType"] == "CHILD_OF")
        return Span(
            id=raw["spanID"],
            service=service,
            operation=raw["operationName"],
            parent=next(parents, None),
            kind=tags.get("span.kind", ""),
            error=tags.get("error", "").lower() == "true",
            tags={key: tags[key] for key in (*EVERY_TAG, *self.tags) if key in tags},
        )


def as_facts(spans: Mapping[str, Span]) -> list[dict[str, Any]]:
    """Returns spans as a record holds them."""
    return [asdict(span) for span in spans.values()]
