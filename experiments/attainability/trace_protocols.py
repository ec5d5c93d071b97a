"""Receivers: which protocols the collectors and agents take from others than themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from experiments.attainability.model import Attainability, Question, Settings
from experiments.attainability.registry import bounds
from experiments.attainability.trace_store import COLLECTOR, NAMESPACE, container_of

AGENT, HOTROD, ENDPOINT = "jaeger-agent", "jaeger-hotrod", "OTEL_EXPORTER_OTLP_ENDPOINT"
FLAG = "--collector.{}.host-port"
# Each protocol's flag, and where the collector listens when nobody says it: "" is nowhere.
LISTENS: Mapping[str, tuple[str, str]] = {
    "otlp-grpc": ("otlp.grpc", ":4317"),
    "otlp-http": ("otlp.http", ":4318"),
    "zipkin": ("zipkin", ""),
    "jaeger-grpc": ("grpc-server", ":14250"),
    "jaeger-thrift-http": ("http-server", ":14268"),
}
BY_AGENT = ("jaeger-thrift-compact", "jaeger-thrift-binary")


@bounds("missing_protocols")
def missing(question: Question) -> Attainability:
    """Protocols for which nobody listens."""
    served = set(_served(question.settings))
    unserved = [each for each in question.target.parameters["protocols"] if each not in served]
    return question.answer(
        float(len(unserved)),
        f"nobody listens for {', '.join(unserved)}" if unserved else f"{len(served)} protocols are listened for",
        f"Deployment {NAMESPACE}/{COLLECTOR}: {FLAG.format('…')} on all addresses, and DaemonSet {AGENT}",
    )


@bounds("broken_dispatches")
def broken(question: Question) -> Attainability:
    """HotROD must be there, and its spans must be taken."""
    hotrod = question.settings.get("Deployment", NAMESPACE, HOTROD)
    if hotrod is None or hotrod["spec"].get("replicas", 1) == 0:
        return question.never(f"Deployment {NAMESPACE}/{HOTROD}: no replica", "replicas: 1")
    env = {each["name"]: each.get("value", "") for each in container_of(hotrod, "hotrod").get("env") or []}
    endpoint = env.get(ENDPOINT, "")
    if COLLECTOR not in endpoint:
        return question.never(f"{ENDPOINT} is {endpoint or 'not set'}", f"{ENDPOINT}: http://{COLLECTOR}:4318")
    if "otlp-http" not in set(_served(question.settings)):
        return question.never(f"{endpoint}: nobody listens for OTLP over HTTP", FLAG.format("otlp.http") + "=:4318")
    return question.answer(0.0, f"{ENDPOINT}: {endpoint}")


def _served(settings: Settings) -> Iterator[str]:
    collector = settings.get("Deployment", NAMESPACE, COLLECTOR)
    if collector is None:
        return
    arguments = container_of(collector, "collector").get("args") or []
    said = dict(argument.partition("=")[::2] for argument in arguments)
    direct = [each for each, (flag, default) in LISTENS.items() if said.get(FLAG.format(flag), default).startswith(":")]
    yield from direct
    if "jaeger-grpc" in direct and settings.get("DaemonSet", NAMESPACE, AGENT):
        yield from BY_AGENT
