"""A decoy API server: a real HTTP server on loopback that plays many clusters, one below each path prefix.

It serves just enough of the API for the suite's commands to go as far as they would on a real cluster, and writes
every request down. A cluster is described as data, see Persona.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import unquote_plus

# What a program that changes something has in its command line; others only look.
CHANGING = ('"method": "POST"', "rm -rf", "setsid", "kill")
REVIEW = "selfsubjectaccessreviews"  # a question, although it is asked with POST
KINDS = {
    "/api/v1": {
        "Pod": "pods",
        "ConfigMap": "configmaps",
        "Namespace": "namespaces",
        "Node": "nodes",
        "PersistentVolume": "persistentvolumes",
        "PersistentVolumeClaim": "persistentvolumeclaims",
    },
    "/apis/apps/v1": {
        "Deployment": "deployments",
        "StatefulSet": "statefulsets",
        "ControllerRevision": "controllerrevisions",
    },
    "/apis/policy/v1": {"PodDisruptionBudget": "poddisruptionbudgets"},
    "/apis/networking.istio.io/v1": {"DestinationRule": "destinationrules"},
    "/apis/velero.io/v1": {"Backup": "backups", "Restore": "restores", "Schedule": "schedules"},
}


@dataclass(frozen=True)
class Persona:
    """One cluster that the decoy plays.

    Attributes:
        uid: of kube-system; `uids` are told once each before it.
        stamp: text of the owner stamp's identity, None for a cluster without one.
        answer: (status, content type, body) for everything, where it is no API server, or one that is ill.
        silent: takes requests and does not answer.
        read_only: refuses every change, and says so when asked.
    """

    uid: str = "u-foreign"
    uids: tuple[str, ...] = ()
    stamp: str | None = None
    answer: tuple[int, str, str] | None = None
    silent: bool = False
    read_only: bool = False


@dataclass
class Decoy:
    """The server, and what it was asked: (persona, method, path)."""

    personas: Mapping[str, Persona]
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"of": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def url(self, persona: str = "", host: str = "127.0.0.1") -> str:
        """Returns where a persona is reached."""
        return f"http://{host}:{self._server.server_port}" + (f"/{persona}" if persona else "")

    def changes(self, persona: str) -> list[str]:
        """Returns the requests to a persona that would have changed something; to run a program in a pod may be one."""
        return [
            f"{method} {path}"
            for name, method, path in self.requests
            if name == persona and REVIEW not in path and (method not in {"GET", "HEAD", "OPTIONS"} or _changing(path))
        ]

    def programs(self, persona: str) -> list[str]:
        """Returns the requests to a persona that would have run a program in a pod."""
        return [path for name, _, path in self.requests if name == persona and "/exec?" in path]

    def asked(self) -> Counter[str]:
        """Returns how often each persona was asked for anything."""
        return Counter(name for name, _, _ in self.requests)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # many ask at once

    def handle_error(self, *_: object) -> None:
        """Who asked is gone."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    of: ClassVar[Decoy]

    def handle_one(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        absolute = self.path.startswith("http")  # how a proxy is asked
        name, _, rest = self.path.partition("://")[2].partition("/") if absolute else self.path[1:].partition("/")
        name = "proxy" if absolute else name
        self.of.requests.append((name, self.command, "/" + rest))
        persona = self.of.personas.get(name, Persona(answer=(404, "text/plain", "nobody")))
        if persona.silent:
            self.of.over.wait(600)
            return
        status, kind, body = persona.answer or self._api(persona, name, "/" + rest.partition("?")[0])
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        if status // 100 == 3:
            self.send_header("Location", self.of.url("ambient") + "/" + rest)
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = handle_one  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _api(self, persona: Persona, name: str, path: str) -> tuple[int, str, str]:
        asked = sum(1 for each in self.of.requests if each == (name, "GET", "/api/v1/namespaces/kube-system"))
        status, body = 200, self._discovery(path)
        if REVIEW in path:
            status, body = 201, {"spec": {}, "status": {"allowed": not persona.read_only}}
        elif self.command != "GET" or path.endswith("/exec"):
            status, body = (403, {"kind": "Status", "code": 403}) if persona.read_only else (200, {"kind": "Status"})
        elif path.endswith("/namespaces/kube-system"):
            body = {"metadata": {"uid": persona.uids[asked - 1] if asked <= len(persona.uids) else persona.uid}}
        elif path.endswith("/resilience-owner"):
            status, body = (200, {"data": {"identity": persona.stamp}}) if persona.stamp else (404, {"kind": "Status"})
        elif body is None:
            body = self._objects(path)
        return status, "application/json", json.dumps(body)

    def _discovery(self, path: str) -> Any:
        if path == "/version":
            return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            versions = [key.removeprefix("/apis/") for key in KINDS if key.startswith("/apis/")]
            groups = {version.split("/")[0]: {"groupVersion": version, "version": "v1"} for version in versions}
            return {
                "kind": "APIGroupList",
                "groups": [{"name": g, "versions": [v], "preferredVersion": v} for g, v in groups.items()],
            }
        if path in KINDS:
            verbs = ["get", "list", "create", "update", "patch", "delete"]
            return {
                "kind": "APIResourceList",
                "groupVersion": path.removeprefix("/apis/").removeprefix("/api/"),
                "resources": [
                    {"name": plural, "kind": kind, "singularName": "", "namespaced": True, "verbs": verbs}
                    for kind, plural in KINDS[path].items()
                ],
            }
        return None

    def _objects(self, path: str) -> Any:
        """Answers a list with three objects, and a name with one that differs from whatever is in a ledger."""
        plurals = {plural: (prefix, kind) for prefix, kinds in KINDS.items() for kind, plural in kinds.items()}
        *before, last = path.split("/")
        if last in plurals:
            prefix, kind = plurals[last]
            items = [_object(prefix, kind, before[-1], "app" + (f"-{number}" if number else "")) for number in range(9)]
            return {"kind": f"{kind}List", "apiVersion": _version(prefix), "metadata": {}, "items": items}
        prefix, kind = plurals.get(before[-1], ("/api/v1", "Pod"))
        return _object(prefix, kind, before[-2] if len(before) > 2 else "", last)


def _changing(path: str) -> bool:
    """Says whether a request runs a program that changes something."""
    return "/exec?" in path and any(word in unquote_plus(path) for word in CHANGING)


def _version(prefix: str) -> str:
    return prefix.removeprefix("/apis/").removeprefix("/api/")


def _object(prefix: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
    labels = {"app": "app", "role": "primary", "topology.kubernetes.io/zone": "us-east-1b"}
    meta: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{name}",
        "labels": labels,
        "resourceVersion": "1",
    }
    meta["creationTimestamp"] = "2026-01-01T00:00:00Z"
    found: dict[str, Any] = {
        "apiVersion": _version(prefix),
        "kind": kind,
        "metadata": meta,
        "spec": {"replicas": 9, "selector": {"matchLabels": labels}, "template": {"ttl": "1h"}},
        "status": {
            "phase": "Running",
            "replicas": 9,
            "currentHealthy": 9,
            "desiredHealthy": 6,
            "disruptionsAllowed": 3,
            "expectedPods": 9,
        },
    }
    if kind == "StatefulSet":
        found["status"]["updateRevision"] = "r1"
    if kind == "ControllerRevision":
        found |= {"revision": 1, "data": {}}
    if kind == "PersistentVolumeClaim":
        found["spec"] = {"volumeName": "pv"}
    if kind == "PersistentVolume":
        found["spec"] = {"local": {"path": "/nowhere"}, "claimRef": {"name": name, "uid": f"uid-{name}"}}
    if kind == "Pod":
        container = {"name": "app", "image": "x", "ports": [{"containerPort": 8080}]}
        found["spec"] = {"nodeName": "decoy-worker", "containers": [container]}
        found["status"] |= {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}
    return found
