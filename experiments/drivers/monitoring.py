"""Prometheus, and the receiver of notifications, asked from this machine: facts as they tell them, nothing judged."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from experiments.drivers.answers import ask, tell

if TYPE_CHECKING:
    from deploy.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Alarm:
    """How an alert stands: inactive, pending or firing, what it says of its severity, and what it is about.

    Attributes:
        about: the labels by which its instances in that state differ from the rule, ("destination=app.shop",).
    """

    state: str
    severity: str = ""
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification that the receiver has; `at` is CLOCK_MONOTONIC, which its pod shares with us."""

    at: float
    channel: str
    status: str
    alerts: tuple[str, ...]
    body: Any


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Where to ask."""

    prometheus: str
    alertmanager: str
    receiver: str

    @classmethod
    def of(cls, cluster: Cluster) -> Monitoring:
        """Returns the monitoring of a cluster."""
        return cls(*(cluster.url(service) for service in ("prometheus", "alertmanager", "notifications")))

    def alarm(self, alert: str) -> Alarm:
        """Returns how an alert stands: its worst instance.

        Raises:
            Problem: Prometheus does not answer, or has no rule of that name: it could never fire.
        """
        groups = ask(f"{self.prometheus}/api/v1/rules", {"type": "alert"})["data"]["groups"]
        found = [rule for group in groups for rule in group["rules"] if rule["name"] == alert]
        if not found:
            raise Problem(f"Prometheus has no alert {alert}", fix="see deploy/observability/prometheus/rules")
        states = ("inactive", "pending", "firing")
        worst = max(found, key=lambda rule: states.index(rule["state"]))
        about = (_about(each["labels"], worst["labels"]) for each in worst["alerts"] if each["state"] == worst["state"])
        return Alarm(worst["state"], worst["labels"].get("severity", ""), tuple(sorted(about)))

    def is_quiet(self, alert: str) -> bool:
        """Says whether Prometheus finds an alert inactive, and Alertmanager does not go on with an earlier one.

        Alertmanager remembers: an alert that comes back before it has forgotten the first is not told again.
        """
        standing = ask(f"{self.alertmanager}/api/v2/alerts", {"filter": f'alertname="{alert}"'})
        return not standing and self.alarm(alert).state == "inactive"

    def query(self, expression: str) -> list[Any]:
        """Returns the result of a query at this moment.

        Raises:
            Problem: Prometheus does not answer, or refuses the expression, with its own words.
        """
        result = ask(f"{self.prometheus}/api/v1/query", {"query": expression})["data"]["result"]
        return result if isinstance(result, list) else [result]

    def range(self, expression: str, begin: float, end: float, step_s: float) -> list[Any]:
        """Returns the series that an expression has between two moments (wall clock, seconds), [] when it has none.

        Raises:
            Problem: Prometheus does not answer, or refuses the expression, with its own words.
        """
        fields = {"query": expression, "start": begin, "end": end, "step": step_s}
        return list(ask(f"{self.prometheus}/api/v1/query_range", fields)["data"]["result"])

    def received(self, after: float) -> list[Notice]:
        """Returns the notifications that arrived after a moment.

        Raises:
            Problem: the receiver does not answer.
        """
        told = ask(f"{self.receiver}/received", {"after": after})
        fields = ("at", "channel", "status", "body")
        return [Notice(alerts=tuple(each["alerts"]), **{name: each[name] for name in fields}) for each in told]

    def greet(self) -> str:
        """Sends the receiver a notification as Slack would get it; returns the word by which it is known again.

        Raises:
            Problem: the receiver does not take it.
        """
        word = uuid.uuid4().hex
        tell(f"{self.receiver}/services/suite/is/here", body={"text": f"is anybody there? {word}"})
        return word


def _about(labels: dict[str, str], rule: dict[str, str]) -> str:
    """What an instance's labels say beside its rule's, "everything" when they say no more."""
    own = sorted((name, value) for name, value in labels.items() if name != "alertname" and rule.get(name) != value)
    return ",".join(f"{name}={value}" for name, value in own) or "everything"
