"""What this machine lacks, all at once, each with its fix; asked before anything is made."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy import engine, paths
from deploy.errors import Problem
from deploy.images import catalogue, programs
from deploy.images.sources import TOOLS
from deploy.machine import memory_kib

MEMORY_GIB, DISK_GIB = 10, 25
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: what was looked at.
        level: "ok", "limited" (works, but some targets cannot be proven) or "missing" (cannot go on).
        observed: what is there.
        fix: what to do, empty when ok.
    """

    name: str
    level: str
    observed: str
    fix: str = ""


def check(cluster: str, *, building: bool = True) -> list[Finding]:
    """Looks at everything the platform needs from this machine.

    Args:
        cluster: name of the kind cluster; if it stands, its own use of memory and disk is not held against it.
        building: whether images may have to be built; the tools are built in any case.
    """
    system = _system()
    if system.level == "missing":
        return [system]  # the others read what only Linux has
    standing = paths.kubeconfig(cluster).is_file()
    resources = () if standing else (_memory, _disk)
    looks: list[Callable[[], Finding]] = [_docker, *resources, _inotify, _cgroup, _netem, _overlay, _openssl]
    return [system, *(look() for look in looks), _go(building=building)]


def require(cluster: str, *, building: bool) -> None:
    """Raises a Problem that names every missing thing with its fix."""
    missing = [finding for finding in check(cluster, building=building) if finding.level == "missing"]
    if missing:
        raise Problem(
            f"this machine lacks {len(missing)} thing{'s' if len(missing) > 1 else ''}: "
            + ", ".join(item.name for item in missing),
            why="\n".join(f"{item.name}: {item.observed}" for item in missing),
            fix="\n".join(f"{item.name}: {item.fix}" for item in missing),
        )


def limits(cluster: str) -> Iterator[Finding]:
    """Gives what works only in part here, for the record of a run."""
    return (finding for finding in check(cluster, building=False) if finding.level == "limited")


def _system() -> Finding:
    observed = f"{platform.system()} {platform.machine()}"
    ok = observed in {"Linux x86_64", "Linux aarch64"}
    return Finding("system", "ok" if ok else "missing", observed, "" if ok else "run it on Linux, x86_64 or aarch64")


def _docker() -> Finding:
    if engine.answers():
        return Finding("docker", "ok", "an engine answers")
    can = os.geteuid() == 0 and (shutil.which("dockerd") is not None or engine.is_debian())
    if can:
        return Finding("docker", "ok", "no engine answers; one is installed and started as we are root")
    return Finding("docker", "missing", "no engine answers, and we may not start one", engine.BY_HAND)


def _memory() -> Finding:
    free = memory_kib()["MemAvailable"] * 1024 / GIB
    observed = f"{free:.1f} GiB available, {MEMORY_GIB} GiB needed"
    ok = free >= MEMORY_GIB
    return Finding(
        "memory", "ok" if ok else "missing", observed, "" if ok else "stop other programs, or use a larger machine"
    )


def _disk() -> Finding:
    places = {paths.cache(), Path("/var/lib/docker")}
    free = min(shutil.disk_usage(_existing(place)).free for place in places) / GIB
    observed = f"{free:.0f} GiB free, {DISK_GIB} GiB needed"
    fix = "free space: `docker system prune`, or set XDG_CACHE_HOME to a larger disk"
    return Finding("disk", "ok" if free >= DISK_GIB else "missing", observed, "" if free >= DISK_GIB else fix)


def _existing(place: Path) -> Path:
    return next(folder for folder in (place, *place.parents) if folder.exists())


def _inotify() -> Finding:
    try:
        low = {name: wanted for name, wanted in engine.INOTIFY.items() if _inotify_limit(name) < wanted}
    except (OSError, ValueError) as error:
        return Finding("inotify", "limited", f"could not be read: {error}", "watch for `too many open files` in pods")
    if not low or os.geteuid() == 0:
        return Finding("inotify", "ok", "limits are high enough" if not low else "limits are raised as we are root")
    fix = "; ".join(f"sudo sysctl fs.inotify.{name}={wanted}" for name, wanted in low.items())
    return Finding("inotify", "missing", f"too low: {', '.join(low)}", fix)


def _inotify_limit(name: str) -> int:
    return int(Path(f"/proc/sys/fs/inotify/{name}").read_text())


def _cgroup() -> Finding:
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    if unified:
        return Finding("cgroup", "ok", "version 2")
    usable = Path("/sys/fs/cgroup/freezer").exists()
    fix = "" if usable else "mount the control groups (systemd does), with the freezer"
    return Finding(
        "cgroup",
        "ok" if usable else "missing",
        "version 1 (kubelet is told to accept it)" if usable else "no freezer",
        fix,
    )


def _netem() -> Finding:
    """Whether the kernel can delay packets: asked for the loopback of an own network namespace, nothing is changed."""
    script = "ip link set lo up && tc qdisc add dev lo root netem delay 1ms"
    try:
        done = subprocess.run(
            ["unshare", "--net", "sh", "-c", script], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("netem", "limited", f"could not be asked: {error}", "install util-linux and iproute2")
    if done.returncode == 0:
        return Finding("netem", "ok", "the kernel can delay and lose packets")
    last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
    if "not found" in last:
        return Finding("netem", "limited", last, "install iproute2")
    return Finding(
        "netem", "limited", last, "delays come from the mesh instead; for packet faults use a kernel with sch_netem"
    )


def _overlay() -> Finding:
    ok = "overlay" in Path("/proc/filesystems").read_text()
    return Finding(
        "overlay", "ok" if ok else "missing", "there" if ok else "not there", "" if ok else "sudo modprobe overlay"
    )


def _openssl() -> Finding:
    found = shutil.which("openssl") is not None
    fix = "install openssl (makes the certificate of the VPA's webhook)"
    return Finding("openssl", "ok" if found else "missing", "found" if found else "not found", "" if found else fix)


def _go(*, building: bool) -> Finding:
    if shutil.which("go"):
        return Finding("go", "ok", "found")
    if not building and all(programs.program(catalogue.load(), name).exists() for name in TOOLS):
        return Finding("go", "ok", "not found; the tools are built already")
    return Finding(
        "go", "missing", "not found", "install Go 1.26 (builds the tools and, without a container registry, the images)"
    )
