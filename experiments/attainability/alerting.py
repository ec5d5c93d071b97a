"""Alerts: within which time they are told and called off, added up from the intervals of those who tell them."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments import plain_yaml
from experiments.attainability import mesh
from experiments.attainability.durations import seconds
from experiments.attainability.model import Attainability, Item, Question, Settings, selects
from experiments.attainability.registry import bounds

NAMESPACE, PROMETHEUS, ALERTMANAGER = "observability", "prometheus", "alertmanager"
DELIVERY_S = 5
# Until the fault is no longer what the alert is about: two probes of the kubelet, or the pod's deletion.
READY_AGAIN_S, REPLACED_S = 10, 5
MATCHER = re.compile(r'^\s*(\w+)\s*=\s*"?([^"]*?)"?\s*$')


@dataclass(frozen=True, slots=True)
class Feed:
    """Where figures come from.

    Attributes:
        prefix: of their names.
        job: of Prometheus that fetches them.
        deployment: that has them, "" where every proxy has its own.
    """

    prefix: str
    job: str
    port: int
    deployment: str


ENVOY = Feed("envoy_", "envoy", 15090, "")
FEEDS = (Feed("kube_", "kube-state-metrics", 8080, "kube-state-metrics"), ENVOY)


@dataclass(frozen=True, slots=True)
class Alerting:
    """Everything that a rule passes through.

    Attributes:
        prometheus: prometheus.yml.
        rules: every rule of every group.
        alertmanager: alertmanager.yml.
    """

    prometheus: Mapping[str, Any]
    rules: list[dict[str, Any]]
    alertmanager: Mapping[str, Any]

    def rule(self, alert: str) -> dict[str, Any] | None:
        """Returns an alert's rule."""
        return next((rule for rule in self.rules if rule.get("alert") == alert), None)

    def told_within_s(self, rule: Mapping[str, Any], noticed_s: float) -> float:
        """Seconds until an alert is told at the latest: noticed, scraped, evaluated, pending, grouped, delivered."""
        evaluation_s = self._interval_s("evaluation_interval")
        pending_s = math.ceil(seconds(rule.get("for") or 0) / evaluation_s) * evaluation_s
        group_s = seconds(self.route(rule).get("group_wait", "30s"))
        return noticed_s + self._scrape_s(rule) + evaluation_s + pending_s + group_s + DELIVERY_S

    def called_off_within_s(self, rule: Mapping[str, Any], gone_s: float) -> float:
        """Seconds until it is called off at the latest."""
        group_s = seconds(self.route(rule).get("group_interval", "5m"))
        return gone_s + self._scrape_s(rule) + self._interval_s("evaluation_interval") + group_s + DELIVERY_S

    def route(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the route that an alert takes, with what it inherits."""
        top: dict[str, Any] = dict(self.alertmanager["route"])
        labels = rule.get("labels") or {}
        for child in top.pop("routes", None) or []:
            pairs = [MATCHER.match(text) for text in child.get("matchers") or []]
            if all(pair and labels.get(pair[1]) == pair[2] for pair in pairs):
                return {**top, **child}
        return top

    def channels(self, rule: Mapping[str, Any]) -> set[str]:
        """Returns the kinds of receivers that are told, such as slack."""
        name = self.route(rule)["receiver"]
        receiver: dict[str, Any] = next((each for each in self.alertmanager["receivers"] if each["name"] == name), {})
        return {key.removesuffix("_configs") for key in receiver if key.endswith("_configs")}

    def _scrape_s(self, rule: Mapping[str, Any]) -> float:
        jobs = {feed.job for feed in feeds(rule)}
        own = [
            job["scrape_interval"]
            for job in self.prometheus.get("scrape_configs") or []
            if job["job_name"] in jobs and "scrape_interval" in job
        ]
        return max([seconds(each) for each in own] or [self._interval_s("scrape_interval")])

    def _interval_s(self, name: str) -> float:
        return seconds((self.prometheus.get("global") or {}).get(name, "1m"))


def feeds(rule: Mapping[str, Any]) -> list[Feed]:
    """Returns where the figures of a rule come from."""
    return [feed for feed in FEEDS if re.search(rf"\b{feed.prefix}", rule["expr"])]


@bounds("availability_alert_s")
def availability(question: Question) -> Attainability:
    """From the fault: the kubelet has to notice first."""
    fault = question.arguments("make_unready")
    deployment = question.settings.get("Deployment", fault["namespace"], fault["app"])
    containers = deployment["spec"]["template"]["spec"]["containers"] if deployment else [{}]
    noticed_s = max(notices_s(container.get("readinessProbe") or {}) for container in containers)
    return _answer(question, noticed_s, READY_AGAIN_S)


@bounds("ejection_alert_s")
def ejections(question: Question) -> Attainability:
    """From the first ejection, so there must be one."""
    fault, settings = question.arguments("break_replicas"), question.settings
    host = mesh.host_name(fault["namespace"], fault["app"])
    hosts = sum(mesh.endpoints(settings, fault["namespace"], fault["app"]).values())
    if obstacle := mesh.obstacle(mesh.rule_of(settings, host), host, int(fault["count"]), hosts):
        return question.never(f"nobody is ejected: {obstacle.bound_by}", obstacle.fix)
    return _answer(question, 0, REPLACED_S)


def notices_s(probe: Mapping[str, Any]) -> float:
    """Returns how long the kubelet takes to see that a pod is not ready."""
    return float(probe.get("periodSeconds", 10)) * float(probe.get("failureThreshold", 3))


def _answer(question: Question, noticed_s: float, gone_s: float) -> Attainability:
    settings, wanted = question.settings, question.target.parameters
    alerting = read(settings)
    rule = alerting.rule(wanted["alert"])
    if rule is None:
        return question.never(f"Prometheus has no rule {wanted['alert']}", "deploy it: make up prometheus")
    for told in (*_silent(settings, rule), *_misled(alerting, rule, wanted)):
        return question.never(*told)
    route, pending = alerting.route(rule), rule.get("for") or "0s"
    group_interval = route.get("group_interval", "5m")
    off_s, allowed_s = alerting.called_off_within_s(rule, gone_s), wanted.get("resolve_s_max", math.inf)
    if off_s > allowed_s:
        return question.never(
            f"called off after {off_s:g} s at the latest, allowed {allowed_s:g} s: group_interval {group_interval}",
            f"group_interval: at most {allowed_s - off_s + seconds(group_interval):g}s",
        )
    intervals, floor_s = alerting.prometheus.get("global") or {}, alerting.told_within_s(rule, noticed_s)
    words = (
        f"{wanted['alert']}: noticed {noticed_s:g} s, scrape {intervals.get('scrape_interval')}, evaluation "
        f"{intervals.get('evaluation_interval')}, for {pending}, group_wait {route.get('group_wait')}, "
        f"delivery {DELIVERY_S} s"
    )
    return question.answer(floor_s, words, _shorter(floor_s - question.target.limit, pending, route))


def _shorter(over_s: float, pending: str, route: Mapping[str, Any]) -> str:
    spare = {"for": seconds(pending), "group_wait": seconds(route.get("group_wait", "30s"))}
    name = max(spare, key=lambda key: spare[key])
    if spare[name] >= over_s:
        return f"{name}: at most {spare[name] - over_s:g}s"
    return f"scrape_interval and evaluation_interval: {over_s:g} s less together"


def read(settings: Settings) -> Alerting:
    """Reads the configurations that Prometheus' pod mounts, and Alertmanager's Secret.

    Raises:
        ValueError: one of them is not there.
    """
    files = dict(_files(settings))
    secret = settings.get("Secret", NAMESPACE, ALERTMANAGER)
    if "prometheus.yml" not in files or secret is None:
        raise ValueError(f"no prometheus.yml, or no Secret {NAMESPACE}/{ALERTMANAGER}")
    texts = {name: text for name, text in files.items() if name.endswith((".yml", ".yaml"))}
    parsed = {name: plain_yaml.load(text) for name, text in texts.items()}
    groups = [group for each in parsed.values() if isinstance(each, dict) for group in each.get("groups") or []]
    rules = [rule for group in groups for rule in group["rules"]]
    receivers = plain_yaml.load(base64.b64decode(secret["data"]["alertmanager.yml"]))
    return Alerting(parsed["prometheus.yml"], rules, receivers)


def _files(settings: Settings) -> Iterator[tuple[str, str]]:
    deployment = settings.get("Deployment", NAMESPACE, PROMETHEUS)
    for volume in (deployment or {}).get("spec", {}).get("template", {}).get("spec", {}).get("volumes") or []:
        if name := (volume.get("configMap") or {}).get("name"):
            config = settings.get("ConfigMap", NAMESPACE, name)
            yield from ((config or {}).get("data") or {}).items()


def _silent(settings: Settings, rule: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Why the rule gets no figures, or nobody hears of it: a rule without data is silent for ever."""
    yield from _replicas(settings, ALERTMANAGER)
    yield from without_data(settings, feeds(rule))


def without_data(settings: Settings, wanted: Sequence[Feed]) -> Iterator[tuple[str, str]]:
    """Why Prometheus has no figures of some feeds, each with its fix."""
    for name in (PROMETHEUS, *(feed.deployment for feed in wanted if feed.deployment)):
        yield from _replicas(settings, name)
    for feed in wanted:
        if not _may_reach(settings, feed.port):
            policy = f"NetworkPolicy {NAMESPACE}/{PROMETHEUS}"
            yield f"{policy}: no egress to port {feed.port} for {feed.prefix}*", f"{policy}: egress to port {feed.port}"


def _replicas(settings: Settings, name: str) -> Iterator[tuple[str, str]]:
    deployment = settings.get("Deployment", NAMESPACE, name)
    if deployment is None or deployment["spec"].get("replicas", 1) == 0:
        yield f"Deployment {NAMESPACE}/{name}: no replica", "replicas: 1"


def _may_reach(settings: Settings, port: int) -> bool:
    deployment = settings.get("Deployment", NAMESPACE, PROMETHEUS)
    labels = ((deployment or {}).get("spec", {}).get("template", {}).get("metadata") or {}).get("labels") or {}
    policies = [item for item in settings.of("NetworkPolicy", NAMESPACE) if _restrains(item, labels)]
    ways = [way for item in policies for way in item["spec"].get("egress") or []]
    return not policies or any(not way.get("ports") or any(_is(each, port) for each in way["ports"]) for way in ways)


def _restrains(item: Item, labels: Mapping[str, str]) -> bool:
    spec = item["spec"]
    types = spec.get("policyTypes") or (["Egress"] if "egress" in spec else [])
    return "Egress" in types and selects(spec.get("podSelector") or {}, labels)


def _is(allowed: Mapping[str, Any], port: int) -> bool:
    if allowed.get("protocol", "TCP") != "TCP":
        return False
    first = allowed.get("port", port)
    return isinstance(first, str) or first <= port <= allowed.get("endPort", first)


def _misled(alerting: Alerting, rule: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Whether it goes to those who must be told, and to nobody else, and with the right severity."""
    severity = (rule.get("labels") or {}).get("severity")
    if wanted.get("severity") not in {None, severity}:
        yield f"rule {rule['alert']}: severity {severity}", f"severity: {wanted['severity']}"
    if (told := alerting.channels(rule)) != (meant := set(wanted.get("channels") or told)):
        yield (
            f"receiver {alerting.route(rule)['receiver']} tells {', '.join(sorted(told)) or 'nobody'}",
            f"receiver for severity {severity}: {', '.join(sorted(meant))} and no other",
        )
