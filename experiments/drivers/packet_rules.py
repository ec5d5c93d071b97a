"""The kind driver of faults on the way: packet rules on a pod's node, in a table of their own.

What is sent to the pod from other pods, wherever they run, is forwarded by its node and meets the rules; what the node
itself sends, such as the kubelet's probes, does not: the pod stays Ready.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from experiments.drivers import docker_nodes

PREFIX = "resilience-"
# Each connection that somebody tries to open is counted; packets of those that are open end them the same way.
REFUSE = """nft -f - <<'end'
table ip {table} {{
  chain forward {{
    type filter hook forward priority filter - 10; policy accept;
    ip daddr {address} tcp dport {port} tcp flags & (fin | syn | rst | ack) == syn counter reject with tcp reset
    ip daddr {address} tcp dport {port} reject with tcp reset
  }}
}}
end
"""
SHOW = "nft list table ip {table} 2> /dev/null || true"
REMOVE = "nft delete table ip {table}"
COUNTER = re.compile(r"counter packets (\d+)")


def refuse(node: str, table: str, address: str, port: int) -> None:
    """Makes a node answer every connection to a pod's port with a reset, new ones and those that are open.

    Raises:
        Problem: the node cannot be asked, or its kernel cannot.
    """
    docker_nodes.run_on([node], REFUSE.format(table=table, address=address, port=port))


def refused(node: str, table: str) -> int:
    """Returns how many connections were refused, by the kernel's own count; 0 where there is no such table."""
    found = COUNTER.search(docker_nodes.run_on([node], SHOW.format(table=table))[node])
    return int(found[1]) if found else 0


def remove(node: str, table: str) -> bool:
    """Takes a table's rules away; says whether there were any.

    Raises:
        Problem: they are there and cannot be taken away.
    """
    there = "chain" in docker_nodes.run_on([node], SHOW.format(table=table))[node]
    if there:
        docker_nodes.run_on([node], REMOVE.format(table=table))
    return there


def undo(written: Mapping[str, Any]) -> str:
    """Undoes what the ledger has written down."""
    node, table = str(written["node"]), str(written["table"])
    if not docker_nodes.exists(node):
        return f"node {node} is gone"
    return f"rules {table} removed from {node}" if remove(node, table) else f"no rules {table} on {node}"
