"""What the commands of `python -m deploy` do."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from rich.console import Console
from rich.table import Table

from deploy import engine, machine, paths, preflight, rollout, stack
from deploy.cluster import Cluster, clean_environment, kubectl
from deploy.component import discover
from deploy.errors import Problem
from deploy.images import catalogue, sources
from deploy.kind import lifecycle, owner

SETTLE_S, LOOK_S = 30, 120  # until `up` and its tools are at rest; the periods of probes and scrapes are far shorter

# A pipe has no width: wide enough for a line of `status`.
console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 150)


def run(options: argparse.Namespace) -> int:
    """Runs the command that was asked for; returns its exit code."""
    return {
        "up": _up,
        "images": _images,
        "down": _down,
        "status": _status,
        "prune": _prune,
        "preflight": _preflight,
        "bench": _bench,
        "kubectl": _kubectl,
    }[options.command](options)


def _up(options: argparse.Namespace) -> int:
    begin = time.monotonic()
    stack.up(options.cluster, components=options.components or None, source=options.source, mirror=options.mirror)
    console.print(
        f"the platform stands ({time.monotonic() - begin:.1f} s): `make status` shows it, `make down` removes it"
    )
    return 0


def _images(options: argparse.Namespace) -> int:
    preflight.require(options.cluster, building=options.source != "pull")
    engine.ensure()
    images = sources.ensure(catalogue.load(), options.source, console.print, mirror=options.mirror)
    for name, reference in sorted(images.references.items()):
        console.print(f"{name:<26} {reference}")
    console.print(f"{'node':<26} {images.node}")
    return 0


def _down(options: argparse.Namespace) -> int:
    if not engine.answers():
        if not paths.state(options.cluster).exists():
            console.print(f"there was no cluster {options.cluster}")
            return 0
        raise Problem(
            "no Docker engine answers, so the nodes cannot be removed", fix="start it (`make up` does), then again"
        )
    there = lifecycle.remove(options.cluster)
    console.print(f"removed the cluster {options.cluster}" if there else f"there was no cluster {options.cluster}")
    return 0


def _status(options: argparse.Namespace) -> int:
    cluster = Cluster.connect(options.cluster)
    facts = owner.facts(cluster)
    images, known = catalogue.load(), discover()
    table = Table("component", "workload", "ready", "version", "address", box=None)
    missing = 0
    for component, objects in sorted(stack.applied_objects(cluster).items()):
        addresses = known[component].addresses if component in known else {}
        for item in rollout.workloads(cluster, objects):
            missing += item.ready < item.wanted
            found = [images.of(reference) for reference in item.images]
            table.add_row(
                component,
                f"{item.namespace}/{item.name} ({item.kind})",
                f"{item.ready}/{item.wanted}",
                ", ".join(dict.fromkeys(f"{image.name} {image.release}".strip() for image in found if image)),
                cluster.url(addresses[item.name]) if item.name in addresses else "",
                style="" if item.ready >= item.wanted else "red",
            )
    console.print(table)
    console.print(f"images from source {facts.get('image_source', '?')}; the shop: {cluster.gateway_url}/browse")
    return 0 if not missing else 1


def _prune(_: argparse.Namespace) -> int:
    gone = sources.prune(catalogue.load())
    console.print("\n".join([*gone, f"removed {len(gone)} images"]))
    return 0


def _preflight(options: argparse.Namespace) -> int:
    findings = preflight.check(options.cluster)
    for finding in findings:
        console.print(
            f"{finding.level:<8} {finding.name:<10} {finding.observed}"
            + (f"\n{'':<20}fix: {finding.fix}" if finding.fix else "")
        )
    return 69 if any(finding.level == "missing" for finding in findings) else 0


def _bench(options: argparse.Namespace) -> int:
    file = paths.state(options.cluster) / "timings.json"
    if not file.exists():
        raise Problem("nothing was timed yet: the cluster does not stand", fix="make up")
    first = json.loads(file.read_text())
    begin = time.monotonic()
    stack.up(options.cluster, source=first["source"])
    again = time.monotonic() - begin
    table = Table("phase", "seconds", box=None)
    for phase, seconds in first.items():
        if phase != "source":
            table.add_row(phase, f"{seconds:.1f}")
    table.add_row("up again on the standing cluster", f"{again:.1f}")
    console.print(table)
    rest = machine.use(SETTLE_S, LOOK_S)
    console.print(
        f"nothing tested: {rest.memory_gib:.1f} GiB and {rest.cores_busy:.2f} of {rest.cores} processors used, "
        f"{rest.cores_stolen:.2f} taken by the host (the whole machine, mean of {LOOK_S} s)"
    )
    return 0


def _kubectl(options: argparse.Namespace) -> int:
    cluster = Cluster.connect(options.cluster)
    # Only the first `--` is ours: another one parts the arguments of kubectl exec.
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    argv = [kubectl(), f"--kubeconfig={cluster.kubeconfig}", f"--context={cluster.context}", *words]
    os.execve(argv[0], argv, clean_environment())  # noqa: S606 - becomes kubectl, so that a terminal works
