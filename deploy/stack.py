"""Everything that stands: engine, images, cluster, components. One call makes it so and times each part."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from deploy import apply, engine, paths, preflight, rollout
from deploy.cluster import DEFAULT_NAME, Cluster
from deploy.component import Component, with_requirements
from deploy.errors import Problem
from deploy.files import replace_text
from deploy.images import catalogue, sources
from deploy.images.sources import Images
from deploy.kind import lifecycle, owner
from deploy.manifests import key
from deploy.progress import Progress, shown

APPLIED = ("kube-system", "resilience-applied")


@dataclass
class Timings:
    """Seconds of each phase and of each component (from its first action until ready), as `make bench` prints them."""

    phases: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, phase: str) -> Iterator[None]:
        """Times a block."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self.phases[phase] = round(time.monotonic() - begin, 1)


def up(
    name: str = DEFAULT_NAME,
    *,
    components: Iterable[str] | None = None,
    source: str = "auto",
    mirror: str | None = None,
) -> Cluster:
    """Makes the cluster and the named components (all by default) stand; what stands already is kept.

    Args:
        name: of the kind cluster.
        components: names; what they require comes with them.
        source: where images come from: auto, pull or build.
        mirror: host[:port] to pull from instead of the public registries.

    Returns:
        The handle of the cluster.

    Raises:
        Problem: with what went wrong, why, and what to try.
    """
    wanted = with_requirements(tuple(components) if components is not None else None)
    _require_own_cluster()
    timings = Timings()
    with shown() as progress:
        with timings.of("preflight and engine"):
            progress.say("engine", "looking for Docker")
            preflight.require(name, building=source != "pull")
            progress.say("engine", f"Docker {engine.ensure()}", done=True)
        with timings.of("images"):
            progress.say("images", "looking for what is there")
            images = sources.ensure(catalogue.load(), source, lambda text: progress.say("images", text), mirror=mirror)
            progress.say("images", f"{len(images.references)} from source {images.source}", done=True)
        with timings.of("cluster"):
            progress.say("cluster", "looking for a standing one")
            lifecycle.require_thawed(name)
            cluster = lifecycle.find(name, images.node)
            if cluster is None:
                dead = (
                    "replacing the old one (it is dead, or how it is made changed): " if lifecycle.nodes(name) else ""
                )
                progress.say("cluster", f"{dead}making four nodes in three zones")
                cluster = lifecycle.create(name, images.node)
            progress.say("cluster", f"{name} stands", done=True)
        with timings.of("stack"):
            _deploy(cluster, wanted, images, progress)
    _keep_timings(cluster, images.source, timings)
    return cluster


def _require_own_cluster() -> None:
    foreign = [name for name in ("RESILIENCE_KUBECONFIG", "RESILIENCE_CONTEXT") if os.environ.get(name)]
    if foreign:
        raise Problem(
            f"{' and '.join(foreign)} name a cluster of yours, and `up` makes one of its own",
            fix=f"unset {' '.join(foreign)}; against your cluster use --no-deploy",
        )


def _declare_capabilities(cluster: Cluster) -> None:
    """Says on the cluster, machine-readably, what can be proven on it: experiments read this instead of guessing."""
    limited = {finding.name for finding in preflight.limits(cluster.name)}
    # Our pod network (source build) and kindnet (source pull) both enforce; tests/security holds them to it.
    data = {"network-policy": "enforced", "netem": "missing" if "netem" in limited else "there"}
    metadata = {"name": "resilience-capabilities", "namespace": "kube-system"}
    apply.apply(cluster, [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}])


def _keep_timings(cluster: Cluster, source: str, timings: Timings) -> None:
    """Keeps what the first `up` of a cluster took; later ones find nearly everything there."""
    file = paths.state(cluster.name) / "timings.json"
    if not file.exists():
        replace_text(file, json.dumps({"source": source, **timings.phases}))
        owner.stamp(cluster, image_source=source)


def _deploy(cluster: Cluster, wanted: list[Component], images: Images, progress: Progress) -> None:
    """Deploys each component as soon as what it requires is ready; the others end before a failure is told."""
    applied = _applied(cluster)
    if not applied:  # a new cluster; what it can prove does not change while it stands
        _declare_capabilities(cluster)
    futures: dict[str, Future[None]] = {}

    def one(component: Component) -> None:
        for needed in component.requires:
            if futures[needed].exception() is not None:
                progress.say(component.name, f"not started: {needed} is not ready", done=True)
                raise Problem(f"{component.name} was not started because {needed} is not ready")
        _deploy_one(cluster, component, images.references, applied.get(component.name, NOTHING), progress)

    pool = ThreadPoolExecutor(max(1, len(wanted)))
    try:
        for component in wanted:
            futures[component.name] = pool.submit(one, component)
        errors = [futures[component.name].exception() for component in wanted]
    except BaseException:
        rollout.interrupted.set()  # nobody waits any longer, so the threads end
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    for error in filter(None, errors):
        raise error
    _prune(cluster)


def _deploy_one(
    cluster: Cluster, component: Component, references: dict[str, str], before: Applied, progress: Progress
) -> None:
    def say(state: str) -> None:
        progress.say(component.name, state)

    say("rendering")
    objects = component.render(references)
    content = hashlib.sha256(json.dumps(objects, sort_keys=True).encode()).hexdigest()[:16]
    if before.content != content:
        say("applying")
        keys = [key(item) for item in objects]
        gone = sorted({*before.objects, *before.gone} - set(keys))
        # Known before it is applied: a run that is cut off here leaves nothing that nobody remembers.
        _remember(cluster, component.name, Applied("", keys, gone))
        component.prepare(cluster)
        component.apply(cluster, objects)
        _remember(cluster, component.name, Applied(content, keys, gone))
    try:
        component.ready(cluster, objects, say)
    except rollout.NotReady as error:
        progress.say(component.name, "NOT READY", done=True)
        raise Problem(
            f"{component.name}: {error}",
            why=component.diagnose(cluster, objects),
            fix="the cluster is kept as it is: look with `python -m deploy kubectl …`, mend what is wrong, run again",
        ) from error
    progress.say(component.name, "ready", done=True)


@dataclass(frozen=True, slots=True)
class Applied:
    """What the cluster knows of one component.

    Attributes:
        content: hash of the manifests that were applied, "" while they are being applied.
        objects: keys (manifests.key) of its objects.
        gone: keys of objects that earlier manifests had and these have not; they are deleted last.
    """

    content: str
    objects: list[str]
    gone: list[str]


NOTHING = Applied("", [], [])


def _prune(cluster: Cluster) -> None:
    """Deletes what no component has any longer; last, so that an object may move from one component to another."""
    applied = _applied(cluster)
    wanted = {name for known in applied.values() for name in known.objects}
    for component, known in applied.items():
        if known.gone:
            apply.prune(cluster, sorted(set(known.gone) - wanted))
            _remember(cluster, component, Applied(known.content, known.objects, []))


def applied_objects(cluster: Cluster) -> dict[str, list[str]]:
    """Returns what stands on the cluster: component name -> keys of its objects."""
    return {name: known.objects for name, known in _applied(cluster).items()}


def _applied(cluster: Cluster) -> dict[str, Applied]:
    from kubernetes.client import ApiException

    namespace, name = APPLIED
    try:
        data = cluster.core.read_namespaced_config_map(name, namespace).data or {}
    except ApiException as error:
        if error.status != 404:
            raise
        return {}
    return {component: Applied(**json.loads(value)) for component, value in data.items()}


def _remember(cluster: Cluster, component: str, known: Applied) -> None:
    """Keeps what was applied on the cluster itself: the next run, from whatever checkout, applies only what differs."""
    namespace, name = APPLIED
    data = {component: json.dumps(asdict(known))}
    metadata = {"name": name, "namespace": namespace}
    # One field manager a component: they are applied at the same time, and each owns its own entry.
    apply.apply(
        cluster, [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}], manager=component
    )
