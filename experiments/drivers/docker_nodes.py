"""The kind driver of node faults: a node is a container, and a frozen node is a paused one.

Freezing stops every process of the node between two instructions: kubelet, containerd, every pod. Nothing is told
good-bye, no connection is closed: from outside it looks like a power cut. Works while the API server is down.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.errors import Problem
from deploy.shell import run

CALL_S = 30.0
CGROUPS = Path("/sys/fs/cgroup")


def pause(nodes: Sequence[str]) -> None:
    """Freezes the nodes side by side.

    Raises:
        Problem: a node could not be frozen.
    """
    _each("pause", nodes)


def unpause(nodes: Sequence[str]) -> list[str]:
    """Thaws those of the nodes that are frozen; returns their names."""
    frozen = [node for node in nodes if paused(node)]
    try:
        _each("unpause", frozen)
    except Problem:  # somebody else may have thawed it in between: the timer, a rollback, a second heal
        if any(paused(node) for node in frozen):
            raise
    return frozen


def states() -> dict[str, str]:
    """Returns what Docker says of every container: name -> running, paused or exited."""
    text = run(["docker", "ps", "--all", "--format", "{{.Names}} {{.State}}"], what="listing nodes", timeout_s=CALL_S)
    return dict(line.split(maxsplit=1) for line in text.splitlines())


def exists(node: str) -> bool:
    """Says whether there is such a container: a cluster that was deleted has nothing left to thaw."""
    return node in states()


def has(node: str, path: str) -> bool:
    """Says whether a file or folder is there on the node.

    Raises:
        Problem: the node cannot be asked, which is not the same as "no".
    """
    argv = ["docker", "exec", node, "sh", "-c", 'test -e "$0" && echo yes || echo no', path]
    return run(argv, what=f"looking for {path} on {node}", timeout_s=CALL_S).strip() == "yes"


def run_on(nodes: Sequence[str], script: str) -> dict[str, str]:
    """Runs a shell script on nodes side by side; returns what each printed.

    Raises:
        Problem: a node could not be asked, or the script failed there.
    """
    if not nodes:
        return {}
    with ThreadPoolExecutor(len(nodes)) as pool:
        asked = {
            node: pool.submit(
                run, ["docker", "exec", "-i", node, "sh", "-s"], stdin=script, what=f"asking {node}", timeout_s=CALL_S
            )
            for node in nodes
        }
        return {node: future.result() for node, future in asked.items()}


def nf_tables(nodes: Sequence[str]) -> str:
    """Says whether the kernel has nf_tables, as it was observed on the first node that is a container here."""
    for node in nodes:
        try:
            tables = run_on([node], "nft list tables")[node].splitlines()
        except Problem as problem:
            return f"not usable: {problem.why or problem.what}"
        return f"there, {len(tables)} tables on {node}"
    return "no node to ask"


def paused(node: str) -> bool:
    """Says whether Docker holds the node frozen."""
    return bool(_inspect(node)["State"]["Paused"])


def freezer_state(node: str) -> str | None:
    """Returns what the kernel says of the node's processes: FROZEN, THAWED, or None where it cannot be read."""
    pid = _inspect(node)["State"]["Pid"]
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "freezer":
            return _read(CGROUPS / "freezer" / path.lstrip("/") / "freezer.state")
        if controllers == "":
            events = _read(CGROUPS / path.lstrip("/") / "cgroup.events") or ""
            if "frozen " in events:
                return "FROZEN" if "frozen 1" in events else "THAWED"
    return None


def _each(verb: str, nodes: Sequence[str]) -> None:
    if not nodes:
        return
    with ThreadPoolExecutor(len(nodes)) as pool:
        for done in [
            pool.submit(run, ["docker", verb, node], what=f"{verb} {node}", timeout_s=CALL_S) for node in nodes
        ]:
            done.result()


def _inspect(node: str) -> dict[str, dict[str, object]]:
    text = run(["docker", "inspect", "--type", "container", node], what=f"looking at node {node}", timeout_s=CALL_S)
    found = json.loads(text)
    if len(found) != 1:
        raise Problem(f"{node} is not one container", why=text[:200])
    return dict(found[0])


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
