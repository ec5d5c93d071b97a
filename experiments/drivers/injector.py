"""The shop's fault switch, reached from the one identity that may use it: chaos/fault-injector, through its sidecar."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from experiments import pods
from experiments.drivers import calls

if TYPE_CHECKING:
    from deploy.cluster import Cluster

NAMESPACE, SELECTOR, CONTAINER = "chaos", "app=injector", "injector"
PORT = 9090
OK = 200


@dataclass(frozen=True, slots=True)
class Replica:
    """A pod that a fault was put into; a pod that came back under its name has another uid."""

    name: str
    uid: str
    ip: str


@dataclass(frozen=True, slots=True)
class Switch:
    """The fault switches of one tier's replicas."""

    cluster: Cluster
    namespace: str
    app: str

    def set_status(self, replicas: Sequence[Replica], status: int, for_s: float) -> None:
        """Makes replicas answer every business request with a status; they heal by themselves after `for_s`."""
        self._call(replicas, "POST", {"kind": "status", "value": status, "for_s": for_s})

    def set_unready(self, replicas: Sequence[Replica], for_s: float) -> None:
        """Makes replicas tell their kubelet that they are not ready, and go on serving; they heal after `for_s`."""
        self._call(replicas, "POST", {"kind": "unready", "for_s": for_s})

    def set_delay(self, replicas: Sequence[Replica], delay_s: float, for_s: float) -> None:
        """Makes replicas wait before they answer any business request; they heal by themselves after `for_s`."""
        self._call(replicas, "POST", {"kind": "delay", "value": delay_s, "for_s": for_s})

    def set_hang(self, replicas: Sequence[Replica], for_s: float) -> None:
        """Makes replicas take business requests and not answer them; they heal by themselves after `for_s`."""
        self._call(replicas, "POST", {"kind": "hang", "for_s": for_s})

    def clear(self, replicas: Sequence[Replica]) -> list[dict[str, Any]]:
        """Heals replicas; returns what each tells of its last fault."""
        return self._call(replicas, "DELETE")

    def states(self, replicas: Sequence[Replica]) -> list[dict[str, Any]]:
        """Returns what each replica tells of its last fault: faulted_total is the server's own count."""
        return self._call(replicas, "GET")

    def _call(self, replicas: Sequence[Replica], method: str, body: Any = None) -> list[dict[str, Any]]:
        if not replicas:
            return []
        host = f"{self.app}-fault.{self.namespace}.svc.cluster.local:{PORT}"
        pod = pods.one_running(self.cluster, NAMESPACE, SELECTOR)
        asked = [calls.Call(replica.ip, PORT, method, "/fault", host, body) for replica in replicas]
        answers = calls.make(self.cluster, (NAMESPACE, pod.name), CONTAINER, asked)
        for replica, answer in zip(replicas, answers, strict=True):
            if answer.status != OK:
                raise Problem(
                    f"{method} /fault on {self.namespace}/{replica.name} was answered {answer.status}",
                    why=answer.body[:300],
                    fix="403: an AuthorizationPolicy must let the injector in; 0 or 503: is the pod in the mesh?",
                )
        return [json.loads(answer.body) for answer in answers]
