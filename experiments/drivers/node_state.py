"""What faults may leave on a node and in its pods' networks: packet rules, queues, callers that still run.

The kind driver: nodes are containers of this machine. Rules and queues that the platform itself makes and changes all
the time (kube-proxy, the pod network, sidecars, a container's defaults) are left out; see OWN.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from experiments.drivers import docker_nodes

SCRIPT = Path(__file__).parent.parent / "inside" / "node_state.sh"
# Chains and tables of kube-proxy, of the CNI plugins (port mappings and masquerading come and go with pods), of our pod
# network, of Istio inside pods, and kind's for the nodes' names.
OWN = re.compile(r"\b(KUBE-|CNI-|ISTIO_|DOCKER_|kube-proxy\b|pod-network\b)")
# Queues that every interface has without anybody's doing.
DEFAULT_QUEUES = frozenset({"noqueue", "noop", "mq", "fq_codel", "pfifo_fast", "pfifo"})
RUNNING = "running"

type State = dict[str, list[str]]


def look(nodes: Iterable[str]) -> dict[str, State]:
    """Returns the state of each node that is a container here, side by side; of one that does not run only that.

    Raises:
        Problem: a node cannot be asked.
    """
    known = docker_nodes.states()
    here = {node: known[node] for node in nodes if node in known}
    told = docker_nodes.run_on([node for node, state in here.items() if state == RUNNING], SCRIPT.read_text())
    return {node: parse(told[node]) if node in told else {"container": [state]} for node, state in here.items()}


def parse(text: str) -> State:
    """Reads what inside/node_state.sh prints; only what is not the platform's own is left."""
    sections: dict[str, list[str]] = {}
    for line in text.splitlines():
        section, _, rest = line.partition("\t")
        sections.setdefault(section, []).append(rest)
    found = {
        "rules": sorted(rules(sections.get("rules", []))),
        "rules in pods": sorted(rules(sections.get("pod rules", []))),
        "queues": sorted(queues(sections.get("qdiscs", []))),
        "callers": sorted(line.strip() for line in sections.get("callers", [])),
    }
    return {section: lines for section, lines in found.items() if lines}


def rules(lines: Iterable[str]) -> Iterator[str]:
    """Yields the rules of `nft list ruleset` that are nobody's own, each with its table and chain."""
    table = chain = ""
    for line in map(str.strip, lines):
        if line.startswith("table "):
            table, chain = line.removesuffix("{").strip(), ""
        elif line.startswith(("chain ", "set ", "map ")):
            chain = line.removesuffix("{").strip()
        elif line not in {"", "}"} and not line.startswith(("type ", "#")):
            told = f"{table} {chain}: {line}"
            if not OWN.search(told):
                yield told


def queues(lines: Iterable[str]) -> Iterator[str]:
    """Yields the queueing disciplines of `tc qdisc show` that somebody put there."""
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[1] not in DEFAULT_QUEUES:
            yield line.strip()
