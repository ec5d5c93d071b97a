"""Who is let in: every workload port of the meshed namespaces, tried from outside and shown to serve inside."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually
from experiments import pods, session
from experiments.actions.fault import ended, inject, prove
from experiments.drivers.injector import NAMESPACE, SELECTOR
from experiments.pods import CALLERS, PROXY, Pod

if TYPE_CHECKING:
    from deploy.cluster import Cluster

SCRIPT = Path(__file__).parent.parent / "inside" / "handshake.py"
CERTIFICATES = "/etc/istio/proxy"  # where OUTPUT_CERTS tells the injector's agent to write
OUTSIDE_MODES = ("plaintext", "tls1.2", "tls1.3-no-cert")
EXCLUDED = "traffic.sidecar.istio.io/excludeInboundPorts"
TRY_S = 2.0
FAULT = "calls from outside the mesh"
PORTS_A_CALL = 12  # the words of an exec travel in a URL
INBOUND = re.compile(r"cluster\.inbound\|(\d+)\|\S*\.upstream_cx_(active|http1_total|total): (\d+)")

_identities: dict[str, str] = {}  # of each port, as its certificate said; within one experiment's process


@dataclass(frozen=True, slots=True)
class Port:
    """A pod's port."""

    pod: Pod
    number: int

    @property
    def name(self) -> str:
        """How the record names it."""
        return f"{self.pod.namespace}/{self.pod.name}:{self.number}"


def ports_of(found: Iterable[Pod]) -> tuple[list[Port], list[str]]:
    """Returns every TCP port that the pods' own containers declare, and those left out on purpose, as words.

    A pod without a sidecar counts as well: it takes part in service-to-service traffic, and nothing protects it.
    """
    ports, excluded = [], []
    for pod in found:
        on_purpose = {word.strip() for word in pod.annotations.get(EXCLUDED, "").split(",")}
        for port in (Port(pod, number) for number in sorted(set(pod.ports))):
            if str(port.number) in on_purpose and pod.sidecar:
                excluded.append(port.name)
            else:
                ports.append(port)
    return ports, excluded


def call_from_outside(namespaces: list[str], within_s: float) -> dict[str, Any]:
    """Tries every workload port from a pod outside the mesh, in every way that must be refused.

    The disturbance is the caller itself; its proof is that its pod has no sidecar and that it does reach the ports.
    """
    running = session.current()
    ports, excluded = _ports(running.cluster, namespaces)
    for name in excluded:
        running.recorder.note(f"{name} is left out of the mesh on purpose ({EXCLUDED})")
    outsider = pods.one_running(running.cluster, CALLERS, "app=outsider")
    running.recorder.event("coverage", what="mtls-ports", expected=[port.name for port in ports])
    results: list[dict[str, Any]] = []
    inject(
        running,
        FAULT,
        [],
        lambda: results.extend(knock(running.cluster, ports, OUTSIDE_MODES, within_s)),
        {"from": f"{CALLERS}/{outsider.name}", "ports": len(ports)},
    )
    by_name = {port.name: port for port in ports}
    for result in results:
        port = by_name[result.pop("name")]
        running.recorder.event("handshake", pod=port.pod.name, namespace=port.pod.namespace, **result)
        if result["peer_identity"]:
            _identities[port.name] = result["peer_identity"]
    outcomes = Counter(result["outcome"] for result in results)
    reached = len(results) - outcomes["unreachable"]
    return prove(
        running,
        FAULT,
        acted=not outsider.sidecar and reached > 0,
        by="api",
        observed={"sidecar": outsider.sidecar, "tries": len(results), "reached": reached, **outcomes},
    )


def prove_served_inside(namespaces: list[str], within_s: float) -> dict[str, Any]:
    """Shows that the same ports serve the mesh meanwhile: a refusal is then a refusal and not an outage.

    Two witnesses. The same try as before, from the same pod, with the injector's certificate: only that differs.
    And each pod's own sidecar: a connection in the inbound cluster of a port came in through mutual TLS. The second one
    is for ports that no stranger may speak to even inside the mesh (a database closes without a byte): the tiers' own
    traffic makes such connections.
    """
    running = session.current()
    begin = running.recorder.event("note", text="which ports serve the mesh")["t"]
    ports, _ = _ports(running.cluster, namespaces)
    first = _inbound(running.cluster, ports)
    served = _with_certificate(running.cluster, ports, within_s)

    def silent() -> list[str]:
        now = _inbound(running.cluster, ports)
        for port in ports:
            active, total = now.get(port.name, (0, 0))
            before = first.get(port.name, (0, 0))[1]
            if port.name not in served and (active or total > before):
                served[port.name] = f"{active} open, {total - before} new connections"
        return [port.name for port in ports if port.name not in served]

    try:
        eventually(silent, lambda names: not names, within_s=within_s, every_s=2, what="every port to serve the mesh")
    except NotSo as missed:
        running.recorder.note(f"not seen to serve the mesh: {missed.last}")
    for port in ports:
        running.recorder.event(
            "handshake",
            pod=port.pod.name,
            namespace=port.pod.namespace,
            port=port.number,
            mode="mesh",
            outcome="accepted" if port.name in served else "unreachable",
            detail=served.get(port.name, "no connection through the sidecar was seen"),
            peer_identity=_identities.get(port.name),
        )
    ended(running, FAULT, begin)
    return {"ports": len(ports), "served": len(served)}


def _ports(cluster: Cluster, namespaces: Sequence[str]) -> tuple[list[Port], list[str]]:
    found = [pod for namespace in namespaces for pod in pods.find(cluster, namespace) if pod.running]
    ports, excluded = ports_of(found)
    if not ports:
        raise Problem(f"no pod in {', '.join(namespaces)} declares a port", fix="is the stack up?")
    return ports, excluded


def knock(
    cluster: Cluster, ports: Sequence[Port], modes: Sequence[str], within_s: float, *, pem: str = ""
) -> list[dict[str, Any]]:
    """Makes the tries from the pod outside the mesh, a dozen ports at a time; `pem` is for the mode `mesh`."""
    outsider = pods.one_running(cluster, CALLERS, "app=outsider")
    stdin = f"{pem.strip()}\nend\n" if pem else ""
    results = []
    for first in range(0, len(ports), PORTS_A_CALL):
        some = [[port.name, port.pod.ip, port.number] for port in ports[first : first + PORTS_A_CALL]]
        asked = json.dumps({"ports": some, "modes": modes, "timeout_s": TRY_S})
        argv = ["python3", "-c", SCRIPT.read_text(), asked]
        text = cluster.exec(CALLERS, outsider.name, argv, container="caller", stdin=stdin, timeout_s=within_s)
        results += [json.loads(line) for line in text.splitlines()]
    return results


def certificate_of_injector(cluster: Cluster) -> str:
    """Returns the injector's certificate and key, PEM.

    Raises:
        Problem: they cannot be read.
    """
    injector = pods.one_running(cluster, NAMESPACE, SELECTOR)
    files = [f"{CERTIFICATES}/{name}.pem" for name in ("cert-chain", "key")]
    return cluster.exec(NAMESPACE, injector.name, ["cat", *files], container=PROXY)


def _with_certificate(cluster: Cluster, ports: Sequence[Port], within_s: float) -> dict[str, str]:
    """Returns, by port, what it answered to a caller outside the mesh that holds the injector's certificate."""
    try:
        pem = certificate_of_injector(cluster)
    except Problem as problem:
        session.current().recorder.note(f"the injector's certificate cannot be read: {problem}")
        return {}
    results = knock(cluster, ports, ("mesh",), within_s, pem=pem)
    for result in results:
        if result["peer_identity"]:
            _identities[result["name"]] = result["peer_identity"]
    return {result["name"]: result["detail"] for result in results if result["outcome"] == "accepted"}


def _inbound(cluster: Cluster, ports: Sequence[Port]) -> dict[str, tuple[int, int]]:
    """Returns, by port, (connections open now, connections ever) as the pods' sidecars count them."""
    behind = {port.pod.uid: port.pod for port in ports if port.pod.sidecar}

    def ask(pod: Pod) -> dict[str, tuple[int, int]]:
        argv = ["pilot-agent", "request", "GET", "stats?filter=cluster.inbound"]
        counts = parse_inbound(cluster.exec(pod.namespace, pod.name, argv, container=PROXY, timeout_s=20))
        return {f"{pod.namespace}/{pod.name}:{number}": count for number, count in counts.items()}

    with ThreadPoolExecutor(4) as pool:
        return {name: count for counts in pool.map(ask, behind.values()) for name, count in counts.items()}


def parse_inbound(stats: str) -> dict[int, tuple[int, int]]:
    """Reads Envoy's statistics: port -> (open, ever); HTTP/1.1 ones stand in where the total is left out."""
    found: dict[int, dict[str, int]] = {}
    for number, kind, value in INBOUND.findall(stats):
        found.setdefault(int(number), {})[kind] = int(value)
    return {
        port: (counts.get("active", 0), max(counts.get("total", 0), counts.get("http1_total", 0)))
        for port, counts in found.items()
    }
