"""Everything that stands: engine, images, cluster, components. One call makes it so and times each part."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from deploy import apply, engine, paths, preflight, rollout
from deploy.cluster import DEFAULT_NAME, Cluster
from deploy.component import Component, with_requirements
from deploy.errors import Problem
from deploy.images import catalogue, sources
from deploy.images.sources import Images
from deploy.kind import lifecycle, owner
from deploy.manifests import Manifest, key
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
            cluster = lifecycle.find(name, images.node)
            if cluster is None:
                progress.say("cluster", "making four nodes in three zones")
                cluster = lifecycle.create(name, images.node)
            progress.say("cluster", f"{name} stands", done=True)
        with timings.of("stack"):
            _deploy(cluster, wanted, images, progress)
    _keep_timings(cluster, images.source, timings)
    return cluster


def _keep_timings(cluster: Cluster, source: str, timings: Timings) -> None:
    """Keeps what the first `up` of a cluster took; later ones find nearly everything there."""
    file = paths.state(cluster.name) / "timings.json"
    if not file.exists():
        file.write_text(json.dumps({"source": source, **timings.phases}))
        owner.stamp(cluster, image_source=source)


def _deploy(cluster: Cluster, wanted: list[Component], images: Images, progress: Progress) -> None:
    """Deploys each component as soon as what it requires is ready; the others end before a failure is told."""
    applied = _applied(cluster)
    futures: dict[str, Future[None]] = {}

    def one(component: Component) -> None:
        for needed in component.requires:
            if futures[needed].exception() is not None:
                progress.say(component.name, f"not started: {needed} is not ready", done=True)
                raise Problem(f"{component.name} was not started because {needed} is not ready")
        _deploy_one(cluster, component, images.references, applied.get(component.name), progress)

    with ThreadPoolExecutor(max(1, len(wanted))) as pool:
        for component in wanted:
            futures[component.name] = pool.submit(one, component)
    for component in wanted:
        error = futures[component.name].exception()
        if error is not None:
            raise error


def _deploy_one(
    cluster: Cluster, component: Component, references: dict[str, str], before: str | None, progress: Progress
) -> None:
    def say(state: str) -> None:
        progress.say(component.name, state)

    say("rendering")
    objects = component.render(references)
    content = hashlib.sha256(json.dumps(objects, sort_keys=True).encode()).hexdigest()[:16]
    known = json.loads(before) if before else {}
    if known.get("content") != content:
        say("applying")
        component.prepare(cluster)
        component.apply(cluster, objects)
        apply.prune(cluster, known.get("objects", []), objects)
        _remember(cluster, component.name, content, objects)
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


def applied_objects(cluster: Cluster) -> dict[str, list[str]]:
    """Returns what stands on the cluster: component name -> keys of its objects."""
    return {name: json.loads(value)["objects"] for name, value in _applied(cluster).items()}


def _applied(cluster: Cluster) -> dict[str, str]:
    from kubernetes.client import ApiException, V1ConfigMap, V1ObjectMeta

    namespace, name = APPLIED
    try:
        return dict(cluster.core.read_namespaced_config_map(name, namespace).data or {})
    except ApiException as error:
        if error.status != 404:
            raise
        cluster.core.create_namespaced_config_map(namespace, V1ConfigMap(metadata=V1ObjectMeta(name=name), data={}))
        return {}


def _remember(cluster: Cluster, component: str, content: str, objects: list[Manifest]) -> None:
    """Keeps what was applied on the cluster itself: the next run, from whatever checkout, applies only what differs."""
    namespace, name = APPLIED
    value = json.dumps({"content": content, "objects": [key(item) for item in objects]})
    cluster.core.patch_namespaced_config_map(name, namespace, {"data": {component: value}})
