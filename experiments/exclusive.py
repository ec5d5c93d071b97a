"""One experiment at a time on a cluster.

The lock is an open file that the experiment's processes inherit: while any of them lives, a runner that was killed
included, nobody else begins an experiment, and nobody heals under its hands.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from deploy import paths
from deploy.errors import Problem
from deploy.waiting import NotSo, eventually


@contextmanager
def only_experiment(cluster: str, within_s: float) -> Iterator[int]:
    """Holds a cluster's lock for the time of the block; gives the descriptor that child processes must inherit.

    Raises:
        Problem: an experiment still runs after `within_s` seconds.
    """
    folder = paths.state(cluster)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / "experiment.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor, cluster, within_s)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int, cluster: str, within_s: float) -> None:
    def take() -> bool:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True

    try:
        eventually(take, bool, within_s=within_s, what="the experiment that runs to end")
    except NotSo as error:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace")
        raise Problem(
            f"an experiment runs on {cluster!r}, begun by process {holder}",
            why=f"waited {within_s:g} s for it to end",
            fix="wait for it or end it with Ctrl-C; if it was killed, what is left of it: fuser -v "
            + str(paths.state(cluster) / "experiment.lock"),
        ) from error
