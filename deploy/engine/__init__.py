"""The Docker engine: used where one answers; installed and started where none does and we may."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from deploy import packages, paths
from deploy.errors import Problem
from deploy.files import only_one
from deploy.shell import run, succeeds, tail
from deploy.waiting import NotSo, eventually

CAP_SYS_RESOURCE = 24  # bit number, linux/capability.h
PID_FILE = Path("/var/run/docker.pid")
INOTIFY = {"max_user_instances": 8192, "max_user_watches": 524288}  # kind's known issue "too many open files"
BY_HAND = (
    "install Docker (https://docs.docker.com/engine/install/) and make sure that `docker info` answers for this user"
)


def ensure() -> str:
    """Makes sure that a Docker engine answers and returns its version.

    Raises:
        Problem: there is none and it cannot be installed or started from here; the text says what to do.
    """
    if not answers():
        if os.geteuid() != 0:
            raise Problem("no Docker engine answers and we are not root, so none can be started", fix=BY_HAND)
        if os.environ.get("DOCKER_HOST"):
            raise Problem(
                f"the Docker engine that DOCKER_HOST names ({os.environ['DOCKER_HOST']}) does not answer",
                fix="start it, or unset DOCKER_HOST to use this machine's own",
            )
        with only_one(paths.cache() / "engine.lock"):
            if not answers():
                _install()
                _start()
    if os.geteuid() == 0:
        raise_inotify_limits()
    return run(["docker", "version", "--format", "{{.Server.Version}}"], what="asking Docker for its version").strip()


def answers() -> bool:
    """Says whether `docker info` gets an answer."""
    return shutil.which("docker") is not None and succeeds(["docker", "info"])


def _install() -> None:
    if shutil.which("dockerd") and shutil.which("docker") and shutil.which("runc"):
        return
    if not is_debian():
        raise Problem("no Docker engine is installed and this is neither Debian nor Ubuntu", fix=BY_HAND)
    what = "installing the Docker engine from the distribution's packages"
    packages.install("docker.io", "iptables", "runc", what=what, fix=BY_HAND, within_s=900)


def is_debian() -> bool:
    """Says whether the distribution is Debian, Ubuntu or derived from them."""
    release = Path("/etc/os-release")
    words = release.read_text().lower() if release.exists() else ""
    return any(
        "debian" in line or "ubuntu" in line for line in words.splitlines() if line.startswith(("id=", "id_like="))
    )


def _start() -> None:
    """Starts dockerd detached from us: it must outlive this process, as clusters do.

    One that runs but is slow to answer, or is just ending, is waited for: two engines on one folder would spoil it.
    """
    if _runs():
        _await(lambda: not _runs(), "an engine runs (docker.pid) but does not answer: look at its output, or stop it")
        if answers():
            return
    log = paths.cache() / "dockerd.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = ["dockerd"]
    if not may_raise_limits():
        # runc then cannot set oom scores and rlimits as `--privileged` asks: see runc-nocap.
        # Kept in the cache, because the engine outlives this checkout.
        shim = Path(shutil.copy2(Path(__file__).with_name("runc-nocap"), log.with_name("runc-nocap")))
        command += ["--add-runtime", f"nocap={shim}", "--default-runtime", "nocap"]
    PID_FILE.unlink(missing_ok=True)  # of an engine that was killed
    with log.open("w") as output:
        engine = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )
    by_hand = "start dockerd by hand and look at its output"
    _await(lambda: engine.poll() is not None, by_hand, log)
    if engine.poll() is not None:
        raise Problem("dockerd ended at once", why=tail(log.read_text()), fix=by_hand)


def _await(ended: Callable[[], bool], fix: str, log: Path | None = None) -> None:
    try:
        eventually(lambda: answers() or ended(), bool, within_s=60, what="dockerd to answer")
    except NotSo as error:
        raise Problem(str(error), why=tail(log.read_text()) if log else "", fix=fix) from error


def _runs() -> bool:
    """Says whether the process in Docker's pid file lives and is an engine; numbers are used again."""
    try:
        number = int(PID_FILE.read_text())
        return Path(f"/proc/{number}/comm").read_text().strip() == "dockerd"
    except (OSError, ValueError):
        return False


def may_raise_limits(status: str | None = None) -> bool:
    """Says whether our bounding set has CAP_SYS_RESOURCE; `status` is the text of /proc/self/status."""
    text = status if status is not None else Path("/proc/self/status").read_text()
    bounding = next(line.split()[1] for line in text.splitlines() if line.startswith("CapBnd:"))
    return bool(int(bounding, 16) >> CAP_SYS_RESOURCE & 1)


def raise_inotify_limits() -> None:
    """Raises the inotify limits that four nodes full of pods need; never lowers one."""
    for name, wanted in INOTIFY.items():
        limit = Path("/proc/sys/fs/inotify") / name
        try:
            if int(limit.read_text()) < wanted:
                limit.write_text(str(wanted))
        except OSError as error:
            raise Problem(
                f"fs.inotify.{name} is too low for four nodes and cannot be raised from here",
                why=str(error),
                fix=f"on the host: sysctl fs.inotify.{name}={wanted}",
            ) from error
