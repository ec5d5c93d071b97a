"""Makes, finds again and removes the kind cluster with the kind of the pinned version."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from deploy import paths
from deploy.cluster import Cluster, clean_environment
from deploy.errors import Problem
from deploy.images import catalogue, sources
from deploy.kind import owner
from deploy.shell import run, tail

CONFIG = Path(__file__).with_name("three-zones.yaml")
ADDRESSES = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
GATEWAY_PORT = 8080


def create(name: str, node_image: str) -> Cluster:
    """Makes the cluster, replacing a dead one of that name; returns its handle.

    Raises:
        Problem: a port is taken, or kind cannot make the cluster. Nothing of it is left then.
    """
    remove(name)
    _require_free_port()
    state = paths.state(name)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    kind = sources.tool(catalogue.load(), "kind")
    argv = [
        kind,
        "create",
        "cluster",
        f"--name={name}",
        f"--kubeconfig={paths.kubeconfig(name)}",
        f"--image={node_image}",
    ]
    try:
        _kind_create([*argv, f"--config={CONFIG}"], name)
        cluster = Cluster.connect(name)
        owner.stamp(cluster, node_image=node_image, addresses=_addresses(name))
    except BaseException:
        # Also on Ctrl-C: a half-made cluster would be mistaken for ours by the next run.
        remove(name)
        raise
    return cluster


def _kind_create(argv: list[str | Path], name: str) -> None:
    """Runs kind; of its very long output a failure shows the lines that are errors, the rest is kept in the cache."""
    log = paths.cache() / "kind-create.log"
    try:
        done = subprocess.run(argv, env=clean_environment(), capture_output=True, text=True, check=False, timeout=600)
    except subprocess.TimeoutExpired as error:
        raise Problem(f"kind did not make the cluster {name} within 600 s", fix="`make preflight`, then try again") from error
    log.write_text(done.stderr)
    if done.returncode:
        errors = [line[:300] for line in done.stderr.splitlines() if "error" in line.lower() and "round_trippers" not in line]
        raise Problem(
            f"kind could not make the cluster {name}",
            why="\n".join(errors[-6:]) or tail(done.stderr),
            fix=f"`make preflight` shows what this machine lacks; kind's whole output is kept as {log.name} in the cache",
        )


def find(name: str, node_image: str) -> Cluster | None:
    """Returns the standing cluster if it can be trusted and was made from this node image, else None.

    A cluster whose engine was stopped is not to be trusted: its nodes may come back with other addresses.
    """
    if not paths.kubeconfig(name).is_file() or not nodes(name):
        return None
    cluster = Cluster.connect(name)
    os.environ.setdefault("RESILIENCE_API_PATIENCE_S", "10")
    with suppress(Exception):
        facts = owner.facts(cluster)
        if facts.get("node_image") == node_image and facts.get("addresses") == _addresses(name):
            owner.assert_ours(cluster)
            return cluster
    return None


def remove(name: str) -> bool:
    """Removes the nodes and the state of the cluster of that name, and nothing else; says whether there was any."""
    found = nodes(name, everything=True)
    if found:
        subprocess.run(
            ["docker", "unpause", *found], capture_output=True, check=False
        )  # a paused node cannot be removed
        run(["docker", "rm", "--force", "--volumes", *found], what=f"removing the nodes of {name}", timeout_s=120)
    state = paths.state(name)
    there = state.exists()
    shutil.rmtree(state, ignore_errors=True)
    return bool(found) or there


def nodes(name: str, *, everything: bool = False) -> list[str]:
    """Returns the containers that are the nodes of a kind cluster; stopped ones only with `everything`."""
    argv = ["docker", "ps", "--filter", f"label=io.x-k8s.kind.cluster={name}", "--format", "{{.Names}}"]
    return sorted(run([*argv, "--all"] if everything else argv, what="listing the nodes").split())


def _addresses(name: str) -> str:
    inspect = ["docker", "inspect", "--format", f"{{{{.Name}}}}={ADDRESSES}", *nodes(name)]
    return " ".join(run(inspect, what="reading the nodes' addresses").split())


def _require_free_port() -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", GATEWAY_PORT))
        except OSError as error:
            who = subprocess.run(
                ["ss", "-Hltnp", f"sport = :{GATEWAY_PORT}"], capture_output=True, text=True, check=False
            )
            raise Problem(
                f"port {GATEWAY_PORT} on 127.0.0.1 is in use, and the shop's gateway needs it",
                why=tail(who.stdout) or str(error),
                fix="stop what listens there (another cluster of this suite: `make down`)",
            ) from error
