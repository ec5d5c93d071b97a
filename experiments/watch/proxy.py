"""Asks a proxy again and again, from inside its container: one exec stays open and prints a line a poll.

Each line is stamped with the kernel's uptime before and after the poll, which every pod of a machine shares with us.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.pods import PROXY
from experiments.record import Recorder
from experiments.watch.thread import Watcher

if TYPE_CHECKING:
    from deploy.cluster import Cluster

SCRIPT = Path(__file__).parent.parent / "inside" / "proxy.sh"
CLOCK_SKEW_S_MAX = 2.0


class ProxyWatcher(Watcher):
    """Watches one proxy.

    Attributes:
        client: "<namespace>/<pod>".
        polls: how often the proxy has answered.
        offset_s: what its times are ahead of this machine's monotonic clock.
    """

    def __init__(self, name: str, recorder: Recorder, cluster: Cluster, client: str) -> None:
        super().__init__(f"{name} of {client}", recorder)
        self.cluster, self.client = cluster, client
        self.polls = 0
        self.offset_s = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()

    def lines(self, path: str, wanted: str, until: str, period_s: float) -> Iterator[str]:
        """Yields what inside/proxy.sh prints, until stopped; the loop in the pod ends with its standard input."""
        channel = self._open(path, wanted, until, f"{period_s:g}")
        try:
            while not self.stopping.is_set() and channel.is_open():
                line = channel.readline_stdout(timeout=1)
                if line and line.strip():
                    if self.polls == 0:
                        self._same_clock(line)
                    yield line
        finally:
            if channel.is_open():
                channel.write_stdin("stop\n")
            channel.close()

    def _same_clock(self, line: str) -> None:
        before, after, *_ = line.split()
        lag_s = time.clock_gettime(time.CLOCK_BOOTTIME) - float(before if after == "-" else after)
        if not -0.05 <= lag_s <= CLOCK_SKEW_S_MAX:
            raise ValueError(f"the pod's uptime is {lag_s:.2f} s behind this machine's: not the same clock")

    def _open(self, *arguments: str) -> Any:
        from kubernetes.client import ApiClient, CoreV1Api
        from kubernetes.stream import stream

        namespace, pod = self.client.split("/")
        core = CoreV1Api(ApiClient(self.cluster.api.configuration))
        return stream(
            core.connect_get_namespaced_pod_exec,
            pod,
            namespace,
            container=PROXY,
            command=["bash", "-c", SCRIPT.read_text(), "proxy", *arguments],
            stdin=True,
            stdout=True,
            stderr=False,
            tty=False,
            _preload_content=False,
        )
