"""What a CronJob does, done now: as it stands, or changed a little, or by hand in a pod with its keys and scripts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from deploy.cluster import Cluster
from deploy.waiting import eventually

type Change = Callable[[dict[str, Any]], object]
"""Changes a Job's, or a pod's, spec in place."""
POD_S = 900  # a pod that nobody deleted ends by itself


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended, and what all of its containers printed."""

    succeeded: bool
    log: str


def run(
    cluster: Cluster, namespace: str, name: str, change: Change = lambda _: None, *, within_s: float = 300
) -> Ended:
    """Runs a CronJob's job now, as `kubectl create job --from` does, waits for its end and deletes it."""
    job = json.loads(
        cluster.kubectl(
            *("-n", namespace, "create", "job", f"test-{uuid4().hex[:8]}", f"--from=cronjob/{name}"),
            *("--dry-run=client", "-o", "json"),
        )
    )
    change(job["spec"])
    made = job["metadata"]["name"]
    cluster.kubectl("-n", namespace, "create", "-f", "-", stdin=json.dumps(job))
    try:
        conditions = eventually(
            lambda: _conditions(cluster, namespace, made),
            lambda found: found & {"Complete", "Failed"},
            within_s=within_s,
            every_s=1,
            what=f"the end of job {namespace}/{made} of {name}",
        )
        told = ("logs", f"--selector=job-name={made}", "--all-containers", "--prefix", "--tail=-1", "--ignore-errors")
        return Ended("Complete" in conditions, cluster.kubectl("-n", namespace, *told))
    finally:
        cluster.kubectl("-n", namespace, "delete", "job", made, "--ignore-not-found", "--wait=false")


@dataclass(frozen=True, slots=True)
class Hands:
    """A pod that does what it is told."""

    cluster: Cluster
    namespace: str
    pod: str
    container: str

    def do(self, script: str, *words: str, stdin: str = "", within_s: float = 60) -> str:
        """Runs a bash script with words as its arguments and returns what it printed; Problem when it fails."""
        argv = ["bash", "-euo", "pipefail", "-c", script, "by-hand", *words]
        said = self.cluster.exec(
            self.namespace, self.pod, argv, container=self.container, stdin=stdin, timeout_s=within_s
        )
        return said.strip()


@contextmanager
def hands(cluster: Cluster, namespace: str, name: str, change: Change = lambda _: None) -> Iterator[Hands]:
    """Gives a pod with the image, the keys and the scripts of a CronJob's first container; it is gone afterwards."""
    found = json.loads(cluster.kubectl("-n", namespace, "get", "cronjob", name, "-o", "json"))
    template = found["spec"]["jobTemplate"]["spec"]["template"]
    spec = template["spec"] | {"activeDeadlineSeconds": POD_S, "terminationGracePeriodSeconds": 0}
    spec.pop("initContainers", None)
    first = spec["containers"][0] | {"command": ["sleep", str(POD_S)], "args": []}
    spec["containers"] = [first]
    change(spec)
    pod = f"test-{uuid4().hex[:8]}"
    metadata = {"name": pod, "labels": template["metadata"]["labels"]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    cluster.kubectl("-n", namespace, "create", "-f", "-", stdin=json.dumps(body))
    try:
        wait = ("wait", f"pod/{pod}", "--for=condition=Ready", "--timeout=60s")
        cluster.kubectl("-n", namespace, *wait, timeout_s=70)
        yield Hands(cluster, namespace, pod, first["name"])
    finally:
        cluster.kubectl("-n", namespace, "delete", "pod", pod, "--ignore-not-found", "--wait=false")


def _conditions(cluster: Cluster, namespace: str, job: str) -> set[str]:
    status = json.loads(cluster.kubectl("-n", namespace, "get", "job", job, "-o", "json")).get("status", {})
    return {item["type"] for item in status.get("conditions", []) if item["status"] == "True"}
