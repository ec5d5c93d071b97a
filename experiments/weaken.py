"""Negative controls: a protection is taken away, the same experiment runs, and its target must fail.

A control is a file of data, tests/controls/<experiment>~<name>.yaml:

```yaml
why: one sentence, what is taken away and what must then be seen
disturbs: [alerting]        # besides what the document says; see experiments/radius.py
changes:
  - {apiVersion: apps/v1, kind: Deployment, namespace: shop, name: app, patch: {spec: {minReadySeconds: null}}}
  - {apiVersion: policy/v1, kind: PodDisruptionBudget, namespace: shop, name: app, delete: true}
  - {apiVersion: …, kind: …, namespace: …, all: true, delete: true}        # every object of the kind there
  - {…, name: postgres-config, within: [metadata, annotations, config], patch: …}    # of the JSON or YAML in a field
  - {…, name: app, by_name: true, patch: {spec: {template: {spec: {containers: [{name: app, args: […]}]}}}}}
in_turn: true               # each change has rolled out before the next is made
proxies:                    # wait until these client proxies have it
  - {pods: callers/app=caller-us-east-1a, config: <query of Envoy's config_dump>, about: <text>, lacks: <text>}
```
A patch is a JSON merge patch: null removes a field, a list is given whole. With `by_name`, for Kubernetes' own kinds,
it is a strategic one, which knows the items of lists by their names. Every object is written into the ledger as it was
before it is changed, so that `heal` restores it; afterwards each must equal what was written down, and every workload
be rolled out and the named proxies have lost the change again.

What of a change no longer stands when the experiment ends is recorded, for a component that was applied again meanwhile
brings the protection back: `lasts: false` says of a change that the experiment itself ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from deploy.errors import Problem
from experiments import guard, plain_yaml, pushes, undo
from experiments.ledger import Ledger
from experiments.patches import differing, essence, inside
from experiments.radius import Thing
from experiments.record import Recorder

if TYPE_CHECKING:
    from deploy.cluster import Cluster

WORKLOADS = frozenset({"Deployment", "StatefulSet"})
ROLLOUT_S = 300.0
FAULT = "negative control"


class Strict(BaseModel):
    """Anything that is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class Change(Strict):
    """One object that is changed or deleted, or every object of a kind in a namespace."""

    apiVersion: str  # noqa: N815 - Kubernetes' own spelling
    kind: str
    namespace: str
    name: str | None = None
    all: bool = False
    patch: dict[str, Any] | None = None
    within: list[str] = Field(default_factory=list)
    by_name: bool = False
    delete: bool = False
    lasts: bool = True

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.name is None) == (not self.all):
            raise ValueError("give either name or all: true")
        if (self.patch is None) == (not self.delete):
            raise ValueError("give either patch or delete: true")
        return self


class Weakening(Strict):
    """A control file."""

    why: str
    disturbs: list[Thing]
    in_turn: bool = False
    changes: list[Change] = Field(min_length=1)
    proxies: list[pushes.Proxies] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Changed:
    """One object as it was, and as the change left it: None when it was deleted."""

    before: dict[str, Any]
    after: dict[str, Any] | None
    lasts: bool

    @property
    def label(self) -> str:
        """How people call it."""
        meta = self.before["metadata"]
        return f"{self.before['kind']} {meta.get('namespace')}/{meta['name']}"


def load(path: Path) -> Weakening:
    """Reads a control file.

    Raises:
        Problem: it is not there or not right.
    """
    try:
        return Weakening.model_validate(plain_yaml.read(path))
    except ValidationError as error:
        raise Problem(
            f"the negative control {path.name} cannot be used", why=str(error), fix="mend the file"
        ) from error


@contextmanager
def weakened(cluster: Cluster, path: Path, recorder: Recorder) -> Iterator[Callable[[], None]]:
    """Takes the protection away for the time of the block and puts it back whatever happens in it.

    Gives what records, when it is called, what of it no longer stands: such a case proves nothing. That is to be asked
    when the experiment has ended and before anything is healed from outside, which puts protections back first.
    """
    control = load(path)
    ledger = Ledger.of(cluster.name)
    fault = f"{FAULT} {path.stem}"
    guard.pin(cluster)
    changed: list[Changed] = []

    def look() -> None:
        recorder.event("weakening", undone=[line for each in changed if each.lasts for line in _undone(cluster, each)])

    try:
        for change in control.changes:
            changed += _apply(cluster, ledger, fault, change)
            if control.in_turn:
                _rolled_out(cluster, changed)
        _rolled_out(cluster, changed)
        for proxies in control.proxies:
            pushes.reached(cluster, proxies)
        yield look
    finally:
        undo.heal_own(cluster.name, fault)
        _rolled_out(cluster, changed)
        _as_before(cluster, changed)
        for proxies in control.proxies:  # else the next case would still meet what was taken away
            pushes.reached(cluster, proxies, back=True)


def _apply(cluster: Cluster, ledger: Ledger, fault: str, change: Change) -> list[Changed]:
    """Makes one change; returns the objects that it was made to."""
    guard.permit(cluster)
    resource = cluster.dynamic.resources.get(api_version=change.apiVersion, kind=change.kind)
    if change.all:
        live = [dict(item) for item in resource.get(namespace=change.namespace).to_dict()["items"]]
    else:
        live = [resource.get(name=change.name, namespace=change.namespace).to_dict()]
    if not live:
        raise Problem(
            f"there is no {change.kind} in {change.namespace} to take away",
            why="a control that changes nothing proves nothing",
            fix="deploy the stack whole, or mend the control's file",
        )
    before = [essence(item | {"apiVersion": change.apiVersion, "kind": change.kind}) for item in live]
    undos = [{"undo": "restore-object", "manifest": item} for item in before]
    undo.require_rights(cluster, undos)
    changed = []
    for item, its_undo in zip(before, undos, strict=True):
        name = item["metadata"]["name"]
        ledger.intend(fault, its_undo)
        after = None
        if change.delete:
            resource.delete(name=name, namespace=change.namespace)
        else:
            patch = change.patch or {}
            if change.within:
                patch = inside(item, change.within, patch)
            resource.patch(
                body={"apiVersion": change.apiVersion, "kind": change.kind, **patch},
                name=name,
                namespace=change.namespace,
                content_type=f"application/{'strategic-' if change.by_name else ''}merge-patch+json",
            )
            after = _took_effect(resource, item, change.namespace)
        changed.append(Changed(item, after, change.lasts))
    return changed


def _took_effect(resource: Any, before: dict[str, Any], namespace: str) -> dict[str, Any]:
    after = essence(resource.get(name=before["metadata"]["name"], namespace=namespace).to_dict())
    if after == before:
        raise Problem(
            f"the patch of {before['kind']} {namespace}/{before['metadata']['name']} changed nothing",
            why="a control that takes nothing away proves nothing",
            fix="mend the control's file: the field may have moved",
        )
    return after


def _undone(cluster: Cluster, changed: Changed) -> list[str]:
    """Returns what of a change does not stand any more, or cannot be seen to: a line for each place."""
    from kubernetes.dynamic.exceptions import NotFoundError

    item = changed.before
    now = None
    try:
        resource = cluster.dynamic.resources.get(api_version=item["apiVersion"], kind=item["kind"])
        meta = item["metadata"]
        now = essence(resource.get(name=meta["name"], namespace=meta.get("namespace")).to_dict())
    except NotFoundError:
        pass
    except Exception as error:  # noqa: BLE001 - what was not seen to stand does not count as standing
        return [f"{changed.label} cannot be read: {error}"]
    return [f"{changed.label} {place}".strip() for place in differing(item, changed.after, now)]


def _rolled_out(cluster: Cluster, changed: list[Changed]) -> None:
    """Waits until every workload among the objects runs what its object says."""
    from deploy import rollout

    workloads = [each.before for each in changed if each.before["kind"] in WORKLOADS]
    if workloads:
        rollout.wait(cluster, workloads, within_s=ROLLOUT_S, say=lambda _: None)


def _as_before(cluster: Cluster, changed: list[Changed]) -> None:
    """Checks that every object is what it was.

    Raises:
        Problem: one is not.
    """
    for each in changed:
        item, meta = each.before, each.before["metadata"]
        resource = cluster.dynamic.resources.get(api_version=item["apiVersion"], kind=item["kind"])
        live = essence(resource.get(name=meta["name"], namespace=meta.get("namespace")).to_dict())
        if _meant(live) != _meant(item):
            raise Problem(
                f"{each.label} is not what it was before the negative control",
                fix="deploy the stack again: python -m deploy up",
            )


def _meant(item: dict[str, Any]) -> dict[str, Any]:
    """Leaves the number of replicas out: an autoscaler may have changed it meanwhile."""
    return item | {"spec": {key: value for key, value in item.get("spec", {}).items() if key != "replicas"}}
