"""The platform's settings as its manifests say them, with what only a live cluster has, and changes of them."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

import yaml

from deploy.paths import DEPLOY
from experiments import catalogue, documents, plain_yaml, plan, weaken
from experiments.attainability.model import Attainability, Settings, Unread
from experiments.catalogue import Experiment
from experiments.documents import Document
from experiments.patches import inside, merged

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
# (file below deploy/, namespace where its kustomization gives one)
FILES = (
    ("high_availability/deployments/multi-az-deployments.yaml", ""),
    ("high_availability/services/multi-az-services.yaml", ""),
    ("high_availability/failover/pod-disruption-budgets.yaml", ""),
    ("istio/traffic/destination-rules/circuit-breaking.yaml", ""),
    ("istio/traffic/canary/deployment.yaml", ""),
    ("istio/traffic/virtualservices/canary-deployment.yaml", ""),
    ("istio/traffic/virtualservices/resilience-features.yaml", ""),
    ("istio/traffic/gateway.yaml", ""),
    ("istio/traffic/rate-limit.yaml", ""),
    ("istio/traffic/canary/deployment.yaml", ""),
    ("istio/traffic/security/authorization.yaml", ""),
    ("istio/traffic/security/peer-authentication.yaml", ""),
    ("istio/traffic/security/service-entry.yaml", ""),
    ("workloads/callers.yaml", ""),
    ("workloads/echo.yaml", ""),
    ("jaeger/mesh.yaml", ""),
    ("jaeger/agent.yaml", ""),
    ("jaeger/collector.yaml", ""),
    ("jaeger/query.yaml", ""),
    ("jaeger/hotrod.yaml", ""),
    ("jaeger/opensearch/opensearch.yaml", ""),
    ("disaster_recovery/jobs/archive.yaml", ""),
    ("disaster_recovery/velero/schedules.yaml", "velero"),
    ("observability/prometheus/prometheus.yaml", ""),
    ("observability/prometheus/alertmanager.yaml", ""),
    ("observability/prometheus/network-policies.yaml", ""),
    ("observability/exporters/kube-state-metrics.yaml", ""),
)


@cache
def recorded() -> list[dict[str, Any]]:
    """Every object that a check may ask for, as it is on the untouched platform. Shared: changes are made to copies."""
    found = [*_of_files(), *_nodes(), _controller_manager(), *_alerting(), *_data()]
    found += [_endpoints("shop", "app", 3), _endpoints("shop", "api", 2)]
    found += [_endpoints("istio-system", "istio-ingressgateway", 1)]
    operator = plain_yaml.load((DEPLOY / "istio/control_plane/operator.yaml").read_text())
    mesh = json.dumps(operator["spec"]["meshConfig"])
    return [*found, item("ConfigMap", "istio-system", "istio", data={"mesh": mesh})]


def item(kind: str, namespace: str, name: str, **content: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **content.pop("metadata", {})}
    return {"kind": kind, "metadata": metadata, **content}


def settings(objects: list[dict[str, Any]], hidden: frozenset[str] = frozenset()) -> Settings:
    """Settings that read from a list; kinds that are hidden may not be read."""

    def read(kind: str, namespace: str, name: str) -> list[dict[str, Any]]:
        if kind in hidden:
            raise Unread(f"{kind}: this account may not read it")
        return [each for each in objects if is_it(each, kind, namespace, name)]

    return Settings(read)


def is_it(each: dict[str, Any], kind: str, namespace: str, name: str) -> bool:
    meta = each["metadata"]
    return each["kind"] == kind and namespace in {"", meta.get("namespace", "")} and name in {"", meta["name"]}


def changed(objects: list[dict[str, Any]], kind: str, name: str, patch: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects with a merge patch on those of a kind and name ("" for all names)."""
    assert any(is_it(each, kind, "", name) for each in objects), f"there is no {kind} {name}"
    return [merged(each, patch) if is_it(each, kind, "", name) else each for each in objects]


def without(objects: list[dict[str, Any]], kind: str, name: str = "") -> list[dict[str, Any]]:
    return [each for each in objects if not is_it(each, kind, "", name)]


def weakened(objects: list[dict[str, Any]], control: weaken.Weakening) -> list[dict[str, Any]]:
    """What a negative control makes of the objects."""
    for change in control.changes:
        hit = [each for each in objects if is_it(each, change.kind, change.namespace, change.name or "")]
        assert hit, f"the control changes {change.kind} {change.namespace}/{change.name}, which is not recorded"
        left = [each for each in objects if each not in hit]
        if not change.delete:
            patches = [
                inside(each, change.within, change.patch or {}) if change.within else change.patch or {} for each in hit
            ]
            merge = by_name if change.by_name else merged
            left += [merge(each, patch) for each, patch in zip(hit, patches, strict=True)]
        objects = left
    return objects


def by_name(value: Any, patch: Any) -> Any:
    """What the API server makes of a strategic merge patch: items of a list are known by name, mounts by their path."""
    if isinstance(patch, dict):
        was = value if isinstance(value, dict) else {}
        return {**was, **{key: by_name(was.get(key), change) for key, change in patch.items()}}
    if not isinstance(patch, list) or not all(isinstance(item, dict) for item in patch):
        return patch
    key = "mountPath" if "mountPath" in patch[0] else "name"
    items = {item[key]: item for item in value or []}
    return list((items | {item[key]: by_name(items.get(item[key]), item) for item in patch}).values())


def planned(objects: list[dict[str, Any]], target: str, **configuration: Any) -> Attainability:
    """What the plan says of one target; `configuration` changes the document's."""
    experiment, document = _of_target(target)
    changed_document = document.model_copy(
        update={"configuration": document.configuration.model_copy(update=configuration)}
    )
    answers = plan.of(experiment, changed_document, settings(objects))
    return next(answer for answer in answers if answer.target == target)


@cache
def _of_target(target: str) -> tuple[Experiment, Document]:
    experiment = next(each for each in map(catalogue.find, catalogue.names()) if target in each.targets)
    return experiment, documents.load(experiment.path, experiment.name)


def _of_files() -> list[dict[str, Any]]:
    found = []
    for name, namespace in FILES:
        for each in yaml.load_all((DEPLOY / name).read_text(), Loader=plain_yaml.LOADER):
            if each and namespace:
                each["metadata"]["namespace"] = namespace
            found += [each] if each else []
    return found


def _nodes() -> list[dict[str, Any]]:
    status = {
        "nodeInfo": {"kubeletVersion": "v1.36.3"},
        "allocatable": {"cpu": "2", "memory": "24Gi", "pods": "110"},
    }
    region = {"topology.kubernetes.io/region": "us-east-1"}
    workers = [
        item(
            "Node",
            "",
            f"node-{zone}",
            metadata={
                "labels": {"topology.kubernetes.io/zone": zone, "kubernetes.io/hostname": f"node-{zone}", **region}
            },
            spec={},
            status=status,
        )
        for zone in ZONES
    ]
    taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    labels = {"kubernetes.io/hostname": "control-plane"}
    control_plane = item(
        "Node", "", "control-plane", metadata={"labels": labels}, spec={"taints": [taint]}, status=status
    )
    return [*workers, control_plane]


def _controller_manager() -> dict[str, Any]:
    labels = {"component": "kube-controller-manager", "tier": "control-plane"}
    container = {"name": "kube-controller-manager", "command": ["kube-controller-manager", "--leader-elect=false"]}
    spec = {"nodeName": "control-plane", "containers": [container]}
    return item("Pod", "kube-system", "kube-controller-manager-x", metadata={"labels": labels}, spec=spec)


def _endpoints(namespace: str, service: str, each: int) -> dict[str, Any]:
    endpoints = [{"zone": zone, "conditions": {"ready": True}} for zone in ZONES for _ in range(each)]
    labels = {"kubernetes.io/service-name": service}
    return item("EndpointSlice", namespace, f"{service}-x", metadata={"labels": labels}, endpoints=endpoints)


def _alerting() -> list[dict[str, Any]]:
    folder = DEPLOY / "observability/prometheus"
    manager = base64.b64encode((folder / "alertmanager.yml").read_bytes()).decode()
    maps = {"prometheus": ["prometheus.yml"], "prometheus-rules": ["rules/alerts.yaml"]}
    maps |= {"prometheus-rule-tests": ["rules/tests/mesh.yaml"], "prometheus-discover": ["discover.py"]}
    return [
        item("Secret", "observability", "alertmanager", data={"alertmanager.yml": manager}),
        *(
            item(
                "ConfigMap",
                "observability",
                name,
                data={file.rpartition("/")[2]: (folder / file).read_text() for file in files},
            )
            for name, files in maps.items()
        ),
    ]


def _data() -> list[dict[str, Any]]:
    patroni = plain_yaml.load((DEPLOY / "data/postgres/patroni.yml").read_text())["bootstrap"]["dcs"]
    return [
        item("Endpoints", "data", "postgres-config", metadata={"annotations": {"config": json.dumps(patroni)}}),
        item("BackupStorageLocation", "velero", "default", status={"phase": "Available"}),
        item("Secret", "data", "backup-repository", data={}),
    ]
