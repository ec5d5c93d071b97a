"""Tells Prometheus which ports its targets have: Debian's build has no discovery of Kubernetes, but reads files.

Started in Prometheus' pod with the file to write (file_sd_configs) as its only argument. It watches running pods and
writes one entry for each port that they declare, under the label names of Prometheus' own kubernetes_sd_configs (role
pod): a Prometheus that has those needs no other relabelling. Standard library only: it runs in the caller's image.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import sys
import threading
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
WATCH_S = 300
PAUSE_S = 2

Pod = dict[str, Any]


def targets(pods: Iterable[Pod]) -> list[dict[str, Any]]:
    """Returns the entries of the file: one for each TCP port that a running pod declares."""
    return [
        {"targets": [f"{pod['status']['podIP']}:{port['containerPort']}"], "labels": _labels(pod, container, port)}
        for pod in sorted(pods, key=_name)
        if pod["status"].get("phase") == "Running" and pod["status"].get("podIP")
        for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))
        for port in container.get("ports", ())
        if port.get("protocol", "TCP") == "TCP"
    ]


def changed(pods: dict[tuple[str, str], Pod], event: dict[str, Any]) -> None:
    """Brings the known pods up to date with one event of a watch.

    Raises:
        ConnectionError: the event says that the watch has failed; it must be begun anew.
    """
    pod = event["object"]
    if event["type"] == "ERROR":
        raise ConnectionError(str(pod.get("message")))
    if event["type"] == "DELETED":
        pods.pop(_name(pod), None)
    elif event["type"] != "BOOKMARK":
        pods[_name(pod)] = pod


def watch(file: Path) -> None:
    """Lists the pods, and writes the file then and after each change, until the server ends the watch."""
    listed = json.load(_get())
    pods = {_name(pod): pod for pod in listed["items"]}
    written = targets(pods.values())
    _write(file, written)
    for line in _get(watch="1", resourceVersion=listed["metadata"]["resourceVersion"], timeoutSeconds=str(WATCH_S)):
        changed(pods, json.loads(line))
        now = targets(pods.values())
        if now != written:
            _write(file, now)
            written = now


def _get(**query: str) -> http.client.HTTPResponse:
    words = urllib.parse.urlencode({"fieldSelector": "status.phase=Running", **query})
    server = http.client.HTTPSConnection(
        os.environ["KUBERNETES_SERVICE_HOST"],
        int(os.environ["KUBERNETES_SERVICE_PORT"]),
        timeout=WATCH_S + 30,
        context=ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt")),
    )
    token = (ACCOUNT / "token").read_text()
    server.request("GET", f"/api/v1/pods?{words}", headers={"Authorization": f"Bearer {token}"})
    answer = server.getresponse()
    if answer.status != http.HTTPStatus.OK:
        raise ConnectionError(f"the API server answered {answer.status} {answer.reason}")
    return answer


def _name(pod: Pod) -> tuple[str, str]:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]


def _labels(pod: Pod, container: dict[str, Any], port: dict[str, Any]) -> dict[str, str]:
    namespace, name = _name(pod)
    labels = pod["metadata"].get("labels", {})
    return {
        "__meta_kubernetes_namespace": namespace,
        "__meta_kubernetes_pod_name": name,
        "__meta_kubernetes_pod_node_name": pod["spec"]["nodeName"],
        "__meta_kubernetes_pod_label_app": labels.get("app", ""),
        "__meta_kubernetes_pod_label_topology_kubernetes_io_zone": labels.get("topology.kubernetes.io/zone", ""),
        "__meta_kubernetes_pod_container_name": container["name"],
        "__meta_kubernetes_pod_container_port_name": port.get("name", ""),
        "__meta_kubernetes_pod_container_port_number": str(port["containerPort"]),
    }


def _write(file: Path, entries: list[dict[str, Any]]) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps(entries))
    new.replace(file)


def main() -> None:
    """Watches for ever; an API server that is away is asked again."""
    while True:
        try:
            watch(Path(sys.argv[1]))
        except (OSError, http.client.HTTPException, ValueError) as error:
            sys.stderr.write(f"asking for pods again: {error}\n")
            threading.Event().wait(PAUSE_S)


if __name__ == "__main__":
    main()
