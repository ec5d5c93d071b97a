"""Both sides of each boundary that receivers draw."""

from typing import Any

import pytest

from tests.unit.settings import by_name, changed, is_it, planned, recorded, without

COLLECTOR, HOTROD = "jaeger-collector", "jaeger-hotrod"
PROTOCOLS, DISPATCHES = "trace.protocols", "trace.hotrod"


@pytest.fixture(scope="module")
def objects() -> Any:
    return recorded()


def container(objects: Any, deployment: str, **fields: Any) -> Any:
    patch = {"spec": {"template": {"spec": {"containers": [{"name": deployment.removeprefix("jaeger-"), **fields}]}}}}
    return [by_name(each, patch) if is_it(each, "Deployment", "", deployment) else each for each in objects]


ZIPKIN = "--collector.zipkin.host-port=:9411"


@pytest.mark.parametrize(
    ("args", "missing"),
    [
        ([ZIPKIN], []),
        (["--collector.queue-size=5"], ["zipkin"]),
        ([ZIPKIN, "--collector.http-server.host-port=127.0.0.1:14268"], ["jaeger-thrift-http"]),
        (
            [ZIPKIN, "--collector.grpc-server.host-port=127.0.0.1:14250"],
            ["jaeger-grpc", "jaeger-thrift-compact", "jaeger-thrift-binary"],
        ),
        ([ZIPKIN, "--collector.otlp.grpc.host-port="], ["otlp-grpc"]),
    ],
)
def test_a_protocol_for_which_nobody_listens_is_named(objects: Any, args: list[str], missing: list[str]) -> None:
    answer = planned(container(objects, COLLECTOR, args=args), PROTOCOLS)
    assert (answer.floor, answer.attainable) == (len(missing), not missing)
    assert all(each in answer.bound_by for each in missing)


def test_without_agents_their_protocols_and_without_collectors_all_are_missing(objects: Any) -> None:
    assert planned(without(objects, "DaemonSet", "jaeger-agent"), PROTOCOLS).floor == 2
    assert planned(without(objects, "Deployment", COLLECTOR), PROTOCOLS).floor == 7


def test_hotrod_must_be_there_and_send_to_a_receiver(objects: Any) -> None:
    assert planned(objects, DISPATCHES).attainable is True
    for bad in (
        without(objects, "Deployment", HOTROD),
        changed(objects, "Deployment", HOTROD, {"spec": {"replicas": 0}}),
        container(objects, HOTROD, env=[{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://localhost:4318"}]),
        container(objects, COLLECTOR, args=["--collector.otlp.http.host-port=127.0.0.1:4318"]),
    ):
        answer = planned(bad, DISPATCHES)
        assert (answer.attainable, bool(answer.fix)) == (False, True)
