"""The kind driver of container faults: processes are killed by the node's own containerd, past kubelet and API server.

Nobody is told: the first that anybody hears of it is that the process is gone, as when the kernel kills it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from experiments.drivers import docker_nodes

SCHEME = "containerd://"  # of a container's id as the API server tells it
KILL = "ctr --namespace k8s.io tasks kill --signal SIGKILL {}"


def kill(containers: Mapping[str, Sequence[str]]) -> None:
    """Kills containers by SIGKILL, all nodes side by side.

    Args:
        containers: by node, their ids as the API server tells them.

    Raises:
        Problem: a node could not be asked, or has no such container.
    """
    scripts = {
        node: "\n".join(["set -e", *(KILL.format(each.removeprefix(SCHEME)) for each in ids)])
        for node, ids in containers.items()
    }
    with ThreadPoolExecutor(len(scripts) or 1) as pool:
        for done in [pool.submit(docker_nodes.run_on, [node], script) for node, script in scripts.items()]:
            done.result()
