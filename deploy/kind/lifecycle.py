"""Makes, finds again and removes the kind cluster with the kind of the pinned version.

What may be removed: nodes that run our node image, under a name that has a state folder of ours. Whatever else carries
the name was made by somebody else, and is never touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy import paths
from deploy.cluster import PORTS, Cluster, clean_environment
from deploy.errors import Problem
from deploy.files import only_one, replace_text
from deploy.images import catalogue, docker, sources
from deploy.kind import owner
from deploy.shell import run, tail
from deploy.waiting import NotSo, eventually

CONFIG = Path(__file__).with_name("three-zones.yaml")
AUDIT_POLICY = Path(__file__).with_name("audit-policy.yaml")  # the definition names it from the top of the checkout
INCARNATION = "{{.Name}}={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}@{{.State.StartedAt}}"
# A loaded machine's API server may be silent for a while; a cluster that works must not be thrown away for that.
FIND_PATIENCE_S = 30


def create(name: str, node_image: str) -> Cluster:
    """Makes the cluster, replacing a dead one of that name; returns its handle.

    Two runs at once make one cluster: the second waits, and gets what the first made.

    Raises:
        Problem: somebody else's cluster has that name, a port is taken, or kind cannot make the cluster.
            Nothing of it is left then.
    """
    with _only_one(name) as waited:
        standing = find(name, node_image) if waited else None
        if standing is not None:
            return standing
        _remove(name)
        _require_free_ports()
        paths.state(name).mkdir(parents=True, exist_ok=True, mode=0o700)  # from here on, nodes of that name are ours
        try:
            _kind_create(name, node_image)
            cluster = _handle(name)
            owner.stamp(cluster)
            replace_text(_made(name), json.dumps(_facts(name, node_image)))
        except BaseException:
            # Also on Ctrl-C: what is half-made serves nobody.
            _remove(name)
            raise
        return cluster


def find(name: str, node_image: str) -> Cluster | None:
    """Returns the standing cluster if it can be trusted and was made from this node image and definition, else None.

    A cluster whose engine or nodes were restarted is not to be trusted: addresses change, and pods come back half.
    That is known without its API server, whose silence would be waited for.
    """
    # Whatever goes wrong here (no engine, no API server, a broken kubeconfig) means: not to be trusted.
    with suppress(Exception):
        if not nodes(name) or json.loads(_made(name).read_text()) != _facts(name, node_image):
            return None
        cluster = _handle(name)
        owner.facts(cluster, within_s=FIND_PATIENCE_S)
        owner.assert_ours(cluster)
        return cluster
    return None


def definition() -> str:
    """Returns what tells this definition of the cluster from any other: a hash of its files."""
    return hashlib.sha256(CONFIG.read_bytes() + AUDIT_POLICY.read_bytes()).hexdigest()[:16]


def require_thawed(name: str) -> None:
    """Raises a Problem while nodes are frozen by an experiment: such a cluster looks dead, and must not be replaced."""
    frozen = nodes(name, "--filter", "status=paused")
    if frozen:
        raise Problem(f"nodes of {name} are frozen by an experiment: {', '.join(frozen)}", fix="make heal")


def remove(name: str) -> bool:
    """Removes the nodes and the state of the cluster of that name, and nothing else; says whether there was any.

    Raises:
        Problem: the cluster of that name is not ours; nothing was removed.
    """
    with _only_one(name):
        return _remove(name)


def nodes(name: str, *which: str) -> list[str]:
    """Returns the nodes (containers) of a kind cluster that run; `which`, options of docker ps, asks for others."""
    return _listed(name, "{{.Names}}", *which)


def _listed(name: str, shown: str, *which: str) -> list[str]:
    """Returns a line for each container of a kind cluster, in Docker's format `shown`."""
    argv = ["docker", "ps", "--filter", f"label=io.x-k8s.kind.cluster={name}", "--format", shown]
    return sorted(run([*argv, *which], what="listing the nodes", timeout_s=60).splitlines())


@contextmanager
def _only_one(name: str) -> Iterator[list[bool]]:
    """Gives a list that is empty unless another run had to be waited for."""
    waited: list[bool] = []
    paths.state(name)  # refuses a name that is none
    with only_one(paths.cache() / f"cluster-{name}.lock", lambda: waited.append(True)):
        yield waited


def _handle(name: str) -> Cluster:
    """The handle of the kind cluster, whatever cluster the environment names: that one must not get our stamp."""
    return Cluster(name, paths.kubeconfig(name), f"kind-{name}")


def _remove(name: str) -> bool:
    _require_ours(name)
    state = paths.state(name)
    there = state.exists()
    found = _remove_nodes(name)
    # Last, because without it nodes that are left over from a cut-off removal would no longer count as ours.
    shutil.rmtree(state, ignore_errors=True)
    return found or there


def _remove_nodes(name: str) -> bool:
    """Removes nodes until none is left; a node can still come after kind was killed, so one look is not enough."""
    found: set[str] = set()

    def left() -> list[str]:
        there = nodes(name, "--all")
        if there:
            found.update(there)
            # A paused node cannot be removed; one that is not paused makes this fail, which is fine.
            subprocess.run(["docker", "unpause", *there], capture_output=True, check=False)
            run(["docker", "rm", "--force", "--volumes", *there], what=f"removing the nodes of {name}", timeout_s=120)
        return there

    try:
        eventually(left, lambda there: not there, within_s=120, what="the nodes to be gone", converge=2)
    except NotSo as error:
        raise Problem(f"the cluster {name} could not be removed", why=str(error), fix="run again") from error
    return bool(found)


def _require_ours(name: str) -> None:
    """Raises a Problem unless every container is a node that this suite made under this user's state folder."""
    # One look for both: a container that is being made, or is on its way out, cannot be asked for a second time.
    listed = [line.split(maxsplit=1) for line in _listed(name, "{{.Names}} {{.Image}}", "--all")]
    if not listed:
        return
    found = [node for node, _ in listed]
    foreign = sorted({image for _, image in listed if not image.startswith(f"{docker.PREFIX}/node:")})
    if foreign or not paths.state(name).is_dir():
        raise Problem(
            f"a kind cluster called {name!r} stands that this suite did not make",
            why=f"nodes {', '.join(found)} "
            + (f"run the image {', '.join(foreign)}" if foreign else f"have no state folder {paths.state(name)}"),
            fix="choose another name with --cluster NAME (or RESILIENCE_CLUSTER)\n"
            f"or, if it can go, delete it by hand: docker rm --force --volumes {' '.join(found)}",
        )


def _kind_create(name: str, node_image: str) -> None:
    """Runs kind; of its very long output a failure shows the lines that are errors, the rest is kept in the cache."""
    kind = str(sources.tool(catalogue.load(), "kind"))
    argv = [kind, "create", "cluster", f"--name={name}", f"--image={node_image}"]
    files = [f"--kubeconfig={paths.kubeconfig(name)}", f"--config={CONFIG}"]
    log = paths.cache() / "kind-create.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [*argv, *files],
            cwd=paths.ROOT,  # from where the definition names files
            env=clean_environment(),
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as child,
    ):
        try:
            code = child.wait(timeout=600)
        except subprocess.TimeoutExpired as error:
            raise Problem(
                f"kind did not make the cluster {name} within 600 s", fix="`make preflight`, then try again"
            ) from error
        finally:
            if child.returncode is None:
                # With all that it started: a `docker run` that lives on would make a node after the others are gone.
                os.killpg(child.pid, signal.SIGKILL)
    if code:
        lines = log.read_text().splitlines()
        errors = [line[:300] for line in lines if "error" in line.lower() and "round_trippers" not in line]
        raise Problem(
            f"kind could not make the cluster {name}",
            why="\n".join(errors[-6:]) or tail(log.read_text()),
            fix=f"`make preflight` shows what this machine lacks; kind's whole output is kept as {log}",
        )


def _made(name: str) -> Path:
    return paths.state(name) / "made.json"


def _facts(name: str, node_image: str) -> dict[str, str]:
    """What a cluster must have been made from, and still be, to be used again."""
    return {"node_image": node_image, "definition": definition(), "incarnation": _incarnation(name)}


def _incarnation(name: str) -> str:
    """Addresses and start times of the nodes: the same as long as nobody restarted one; freezing does not count."""
    inspect = ["docker", "inspect", "--format", INCARNATION, *nodes(name)]
    return " ".join(run(inspect, what="reading when the nodes were started", timeout_s=60).split())


def _require_free_ports() -> None:
    for service, port in PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                who = ""
                with suppress(Problem):
                    who = run(["ss", "-Hltnp", f"sport = :{port}"], what="asking who listens", timeout_s=10)
                raise Problem(
                    f"port {port} on 127.0.0.1 is in use, and the platform needs it ({service})",
                    why=tail(who) or str(error),
                    fix="stop what listens there (another cluster of this suite: `make down`)",
                ) from error
