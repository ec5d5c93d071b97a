"""Who gets out of the mesh: replicas and strangers call a host outside it by its address, under one name or another.

A witness without a proxy calls the same host first and last, so that a refusal in between is a refusal and not an
outage. The host itself tells who came to it, and under which name.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from experiments import pods, session
from experiments.actions.fault import ended, inject, prove
from experiments.pods import Pod

if TYPE_CHECKING:
    from deploy.cluster import Cluster

SCRIPT = Path(__file__).parent.parent / "inside" / "tls_call.py"
FAULT = "calls to a host outside the mesh"
CALL_S = 5.0
OUTCOMES = {"answered": "allowed", "closed": "refused", "silent": "unanswered"}


@dataclass(frozen=True, slots=True)
class Try:
    """One pod that calls under one name, and what must come of it."""

    pod: Pod
    container: str
    name: str
    expected: str


def call_out(
    server: dict[str, Any],
    names: dict[str, str],
    replicas: dict[str, str],
    strangers: dict[str, str],
    witness: dict[str, str],
    within_s: float,
) -> dict[str, Any]:
    """Calls a host outside the mesh from everywhere, and proves by its own account who came there.

    Args:
        server: `pods`, the selector (<namespace>/<selector>) of the pod that plays the host, and the `port`.
        names: `known`, which a ServiceEntry has, and `unknown`, which none has.
        replicas: selectors of pods that must reach it by the known name alone, each with the container to call from.
        strangers: those that must not reach it at all.
        witness: those that are outside the mesh and always reach it.
        within_s: how long the calls of one pod may take.
    """
    running = session.current()
    playing = pods.one_running(running.cluster, *str(server["pods"]).split("/", 1))
    host = Host(running.cluster, playing, int(server["port"]), within_s)
    known, unknown = names["known"], names["unknown"]
    seers = [Try(pod, where, known, "allowed") for pod, where in _found(running.cluster, witness)]
    if not seers or any(each.pod.sidecar for each in seers):
        raise Problem(f"the witness {', '.join(witness)} is in the mesh", fix="name a pod without a sidecar")
    tries = [
        Try(pod, where, name, expected)
        for pod, where in _found(running.cluster, replicas)
        for name, expected in ((known, "allowed"), (unknown, "refused"))
    ]
    tries += [Try(pod, where, known, "refused") for pod, where in _found(running.cluster, strangers)]
    running.recorder.event("coverage", what="access", expected=[host.label(each) for each in (*seers, *tries)])
    begin, told = time.monotonic(), list[dict[str, Any]]()

    def play() -> None:
        for some in (seers, tries, seers):
            told.extend(host.called(some))

    inject(running, FAULT, [], play, {"host": f"{host.pod.namespace}/{host.pod.name}", "calls": len(tries)})
    for event in told:
        running.recorder.event("access", **event)
    proof = _prove(host, [*seers, *tries], told)
    ended(running, FAULT, begin)
    return {"tries": len(tries), **proof["observed"]}


@dataclass
class Host:
    """The host outside the mesh.

    Attributes:
        mark: what is asked for, so that the host can tell these calls from all others.
        answered: who was answered, as the host would write it: "<address> <name>".
    """

    cluster: Cluster
    pod: Pod
    port: int
    within_s: float
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    answered: set[str] = field(default_factory=set)

    def label(self, each: Try) -> str:
        """Returns how the record names a try."""
        return " ".join(self._named(each).values())

    def called(self, tries: Sequence[Try]) -> list[dict[str, Any]]:
        """Makes calls, four pods at a time; returns the fields of `access` events."""
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(self._once, tries))

    def seen(self, witness: Try) -> set[str]:
        """Returns whom the host itself says it answered."""
        _, body = self._call(witness, f"/seen/{self.mark}")
        return set(json.loads(body))

    def _once(self, each: Try) -> dict[str, Any]:
        lo = time.monotonic()
        outcome, body = self._call(each, f"/{self.mark}")
        if outcome == "allowed" and json.loads(body).get("host") != self.pod.name:
            outcome, body = "unanswered", f"somebody else answered: {body[:100]}"
        if outcome == "allowed":
            self.answered.add(f"{each.pod.ip} {each.name}")
        counts = {kind: int(kind == outcome) for kind in OUTCOMES.values()}
        detail = "" if outcome == each.expected else body[:200]
        moment = {"lo": lo, "hi": time.monotonic()}
        return {**self._named(each), "expected": each.expected, **counts, "detail": detail, **moment}

    def _named(self, each: Try) -> dict[str, str]:
        target = f"{self.pod.namespace}/{self.pod.name}:{self.port}"
        return {"caller": f"{each.pod.namespace}/{each.pod.name}", "call": each.name, "target": target}

    def _call(self, each: Try, path: str) -> tuple[str, str]:
        asked = {"ip": self.pod.ip, "port": self.port, "name": each.name, "path": path}
        argv = ["python3", "-c", SCRIPT.read_text(), json.dumps({"calls": [asked], "timeout_s": CALL_S})]
        where = (each.pod.namespace, each.pod.name, argv)
        (answer,) = json.loads(self.cluster.exec(*where, container=each.container, timeout_s=self.within_s))
        return OUTCOMES[answer["outcome"]], str(answer["body"])


def _found(cluster: Cluster, where: dict[str, str]) -> list[tuple[Pod, str]]:
    """Every pod that is ready, with the container to call from."""
    found = []
    for selector, container in where.items():
        ready = [pod for pod in pods.find(cluster, *selector.split("/", 1)) if pod.running and pod.ready]
        if not ready:
            raise Problem(f"no pod of {selector} is ready", fix="is the stack up?")
        found += [(pod, container) for pod in ready]
    return found


def _prove(host: Host, tries: Sequence[Try], told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The host's own account must be the callers': whom it answered, and nobody else of those who tried."""
    witness = next(each for each in tries if not each.pod.sidecar)
    seen = host.seen(witness)
    claimed, tried = host.answered, {f"{each.pod.ip} {each.name}" for each in tries}
    return prove(
        session.current(),
        FAULT,
        acted=bool(claimed) and seen & tried == claimed,
        by="server-counter",
        observed={"calls": len(told), "answered": len(claimed), "seen_by_the_host": len(seen & tried)},
    )
