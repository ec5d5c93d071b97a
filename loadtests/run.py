"""Starts and stops load: the open-loop caller on this host or in a zone's pod, and Locust's users.

Each is a context manager. On the host a child's standard input is a leash: it ends when this process does, even by
kill -9, and the child then stops by itself. A caller in a pod has no leash; its duration ends it.
"""

from __future__ import annotations

import base64
import gzip
import sys
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from deploy.errors import Problem
from deploy.files import replace_bytes
from deploy.paths import ROOT
from deploy.waiting import NotSo, eventually
from loadtests.child import Child
from loadtests.crowd import Locust

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from deploy.cluster import Cluster

__all__ = ["HostCaller", "Locust", "PodCaller"]

START_S = 20.0  # a Python process with aiohttp, on a machine under load
GRACE_S = 10.0  # from "stop" to gone, on top of the time the last answer may take
NAMESPACE = "callers"
LOOK_S, LOOKS_S = 0.1, 15.0  # in a pod one program looks again and again: each exec costs more than all its looks
# A session of its own outlives the exec; nothing of it may hold the exec's streams open. "$0" is how often to look.
BEGIN = f"""file=$1; shift; setsid "$@" >"$file.log" 2>&1 </dev/null & echo $!
for _ in $(seq "$0"); do test -s "$file" && echo begun && break; test -s "$file.log" && break; sleep {LOOK_S}; done"""
END = f"""[ -z "$2" ] || kill -TERM "$2" 2>/dev/null
for _ in $(seq "$0"); do case $(tail -n 1 "$1") in '{{"end":true'*) break;; esac; sleep {LOOK_S}; done
tail -n 1 "$1" """
POD_PROGRAM = ("python3", "/opt/app/open_loop.py")


def _open_loop(load: HostCaller | PodCaller, caller: str, out: str) -> list[str]:
    """The arguments of open_loop.py."""
    argv = ["--url", load.url, "--rate", f"{load.rate_hz:g}", "--duration", f"{load.duration_s:g}"]
    argv += ["--timeout", f"{load.timeout_s:g}", "--method", load.method, "--run", load.run]
    for name, value in load.headers.items():
        argv += ["--header", f"{name}: {value}"]
    if load.body:
        argv += ["--body", load.body]
    if load.keep:
        argv += ["--keep", load.keep]
    return [*argv, "--caller", caller, "--out", out]


@dataclass
class HostCaller:
    """Calls from this host, outside the cluster; samples go to `out`, a new file, as they come.

    ```
    with HostCaller(cluster.gateway_url + "/browse", 50, 300, case / "samples-gateway.ndjson"):
        ...
    ```
    """

    url: str
    rate_hz: float
    duration_s: float
    out: Path
    caller: str = "gateway"
    timeout_s: float = 3.0
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: str = ""
    keep: str = ""
    run: str = ""
    _child: Child | None = field(default=None, init=False, repr=False)

    def start(self) -> Self:
        """Returns when the load has begun.

        Raises:
            Problem: it did not begin (bad argument, file exists).
        """
        load = _open_loop(self, self.caller, str(self.out.resolve()))
        program = str(ROOT / "loadtests" / "open_loop.py")
        child = Child([sys.executable, "-P", program, *load, "--leash"])
        begun = eventually(
            lambda: (child.exit_code, self.out.exists() and self.out.stat().st_size > 0),
            lambda state: state[0] is not None or state[1],
            within_s=START_S,
            every_s=0.02,
            what=f"the caller {self.caller} to begin",
        )
        if begun[0]:
            raise Problem(f"the caller {self.caller} did not begin", why=child.said())
        self._child = child
        return self

    def wait(self) -> None:
        """Waits until the whole duration has been sent and answered."""
        if self._child:
            self._child.wait(self.duration_s + self.timeout_s + GRACE_S)
            self.stop()

    def stop(self) -> None:
        """Ends the load early and in good order; does nothing when it has ended.

        Raises:
            Problem: the sample file is without its end line, so it proves nothing.
        """
        child, self._child = self._child, None
        if child:
            child.stop(self.timeout_s + GRACE_S)
            if not _ended(self.out.read_bytes()[-200:].decode()):
                raise Problem(f"the caller {self.caller} did not come to its end", why=child.said())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass
class PodCaller:
    """Calls from the pod callers/caller-<zone>, through its sidecar. `fetch` brings the samples here.

    Its name, `caller`, is the zone unless one is given: a second caller in a zone needs its own.
    """

    cluster: Cluster
    zone: str
    url: str
    rate_hz: float
    duration_s: float
    timeout_s: float = 3.0
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: str = ""
    keep: str = ""
    run: str = ""
    caller: str = ""
    program: Sequence[str] = POD_PROGRAM
    _pod: str = field(default="", init=False)
    _pid: str = field(default="", init=False)
    _file: str = field(default="", init=False)

    def start(self) -> Self:
        """Returns when the load has begun.

        Raises:
            Problem: there is no such pod, or the load did not begin.
        """
        self._pod = _running(self.cluster, f"app=caller-{self.zone}")
        caller = self.caller or self.zone
        self._file = f"/tmp/samples-{self.run}-{caller}-{uuid.uuid4().hex[:12]}.ndjson"  # noqa: S108 - the pod's own volume
        load = _open_loop(self, caller, self._file)
        argv = [f"{START_S / LOOK_S:.0f}", self._file, *self.program, *load, "--zone", self.zone]
        self._pid, *begun = self._exec("sh", "-c", BEGIN, *argv, timeout_s=START_S + GRACE_S).split()
        if not begun:
            raise Problem(f"the caller in {self.zone} did not begin", why=self._exec("cat", f"{self._file}.log"))
        return self

    def wait(self) -> None:
        """Waits until the whole duration has been sent and answered."""
        self.await_end(self.duration_s + self.timeout_s + GRACE_S)
        self._pid = ""

    def stop(self) -> None:
        """Ends the load early and in good order; does nothing when it has ended.

        Raises:
            Problem: the sample file did not get its end line.
        """
        if self._pid:
            self.await_end(self.timeout_s + GRACE_S, self._pid)
            self._pid = ""

    @classmethod
    def left(cls, cluster: Cluster, zone: str, run: str, caller: str) -> Self | None:
        """Returns the handle of a run's caller that nobody stopped, None when its pod holds no samples of it.

        Raises:
            Problem: there is no such pod, or it cannot be asked.
        """
        found = cls(cluster, zone, url="", rate_hz=0, duration_s=0, run=run, caller=caller)
        found._pod = _running(cluster, f"app=caller-{zone}")
        newest = 'ls -t /tmp/samples-"$0"-"$1"-*.ndjson 2>/dev/null | head -n 1'
        found._file = found._exec("sh", "-c", newest, run, caller).strip()
        return found if found._file else None

    def fetch(self, out: Path, *, whole: bool = True) -> Path:
        """Writes the samples to `out` once the load has ended, and removes them from the pod.

        Args:
            out: is replaced in one step.
            whole: refuse samples without an end line; of a caller that was killed they are all there will ever be.

        Raises:
            Problem: the pod is gone (it was restarted, or its zone is), or the file is not whole.
        """
        packed = self._exec("sh", "-c", 'gzip -c "$0" | base64 -w 0', self._file, timeout_s=120)
        try:
            text = gzip.decompress(base64.b64decode(packed))
        except (ValueError, OSError, EOFError) as error:
            raise Problem(f"the samples of {self.zone} did not arrive whole", why=str(error)) from None
        if whole and not _ended(text[-200:].decode()):
            raise Problem(f"the samples of {self.zone} have no end line", fix="stop() or wait() before fetch()")
        replace_bytes(out, text, mode=0o600)
        self._exec("rm", "-f", self._file, f"{self._file}.log")
        return out

    def await_end(self, within_s: float, pid: str = "") -> None:
        """Waits for the end line of a caller that was told to stop, or is now by its `pid`; Problem when none comes."""
        looks = f"{min(within_s, LOOKS_S) / LOOK_S:.0f}"
        try:
            eventually(
                lambda: self._exec("sh", "-c", END, looks, self._file, pid),
                _ended,
                within_s=within_s,
                what=f"the end line of the caller in {self.zone}",
            )
        except NotSo as error:
            raise Problem(f"the caller in {self.zone} did not come to its end", why=str(error)) from None

    def _exec(self, *argv: str, timeout_s: float = 30) -> str:
        return self.cluster.exec(NAMESPACE, self._pod, argv, container="caller", timeout_s=timeout_s)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _ended(tail: str) -> bool:
    """Whether the last line is an end line, whole."""
    return tail.endswith("\n") and tail[:-1].rpartition("\n")[2].startswith('{"end":true')


def _running(cluster: Cluster, selector: str) -> str:
    """The one running pod with these labels."""
    pods: Sequence[Any] = cluster.pods(NAMESPACE, selector)  # the client's types make every field optional
    names = [p.metadata.name for p in pods if p.status.phase == "Running" and not p.metadata.deletion_timestamp]
    if len(names) != 1:
        raise Problem(
            f"expected one running pod {selector} in {NAMESPACE}, found {len(names)}",
            why="\n".join(f"{p.metadata.name}: {p.status.phase}" for p in pods),
            fix=f"kubectl -n {NAMESPACE} get pods -o wide",
        )
    return str(names[0])
