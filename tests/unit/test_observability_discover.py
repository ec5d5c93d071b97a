"""Prometheus' targets: which ports of which pods are written, and how a watch keeps them up to date."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.observability.prometheus.discover import changed, targets


def pod(name: str = "app-1", phase: str = "Running", ip: str | None = "10.0.0.1") -> dict[str, Any]:
    ports = [{"name": "http-metrics", "containerPort": 9102, "protocol": "TCP"}]
    proxy = {"name": "istio-proxy", "ports": [{"containerPort": 15090}]}
    labels = {"app": "app", "topology.kubernetes.io/zone": "us-east-1a"}
    return {
        "metadata": {"namespace": "shop", "name": name, "labels": labels},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "ports": ports}], "initContainers": [proxy]},
        "status": {"phase": phase, **({"podIP": ip} if ip else {})},
    }


def test_each_port_of_a_running_pod_is_a_target_with_prometheus_own_label_names() -> None:
    app, proxy = targets([pod()])
    assert (app["targets"], proxy["targets"]) == (["10.0.0.1:9102"], ["10.0.0.1:15090"])
    assert app["labels"] == {
        "__meta_kubernetes_namespace": "shop",
        "__meta_kubernetes_pod_name": "app-1",
        "__meta_kubernetes_pod_node_name": "n1",
        "__meta_kubernetes_pod_label_app": "app",
        "__meta_kubernetes_pod_label_topology_kubernetes_io_zone": "us-east-1a",
        "__meta_kubernetes_pod_container_name": "app",
        "__meta_kubernetes_pod_container_port_name": "http-metrics",
        "__meta_kubernetes_pod_container_port_number": "9102",
    }
    assert proxy["labels"]["__meta_kubernetes_pod_container_name"] == "istio-proxy"


@pytest.mark.parametrize("absent", [pod(phase="Succeeded"), pod(phase="Pending"), pod(ip=None)])
def test_a_pod_that_does_not_run_or_has_no_address_is_no_target(absent: dict[str, Any]) -> None:
    assert targets([absent]) == []


def test_a_port_that_speaks_udp_is_no_target() -> None:
    dns = pod()
    dns["spec"]["containers"][0]["ports"] = [{"containerPort": 53, "protocol": "UDP"}]
    assert [entry["targets"] for entry in targets([dns])] == [["10.0.0.1:15090"]]


def test_targets_keep_their_order_whoever_came_first() -> None:
    assert targets([pod("b"), pod("a")]) == targets([pod("a"), pod("b")])


def test_a_watch_adds_changes_and_removes_pods() -> None:
    known: dict[tuple[str, str], dict[str, Any]] = {}
    changed(known, {"type": "ADDED", "object": pod(ip=None)})
    assert targets(known.values()) == []
    changed(known, {"type": "MODIFIED", "object": pod()})
    assert len(targets(known.values())) == 2
    changed(known, {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "7"}}})
    changed(known, {"type": "DELETED", "object": pod()})
    assert known == {}


def test_a_watch_that_failed_is_told() -> None:
    with pytest.raises(ConnectionError, match="too old"):
        changed({}, {"type": "ERROR", "object": {"message": "too old resource version"}})
