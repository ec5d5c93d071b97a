"""Whether what the pods of a dead zone ask for fits on the nodes that are left, all of them taken together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from experiments.attainability import nodes
from experiments.attainability.model import Item, Settings, named, selects

type Amounts = Mapping[str, Decimal]

OVER = frozenset({"Succeeded", "Failed"})
RESOURCES = ("cpu", "memory", "pods")


def lacking(settings: Settings, deployments: Sequence[Item], zone: str) -> tuple[str, str] | None:
    """Returns what the other zones lack, and the fix; None if there is room.

    That the sum fits does not mean that each pod finds a node: it is what must hold at least.
    """
    if not deployments:
        return None
    zones = {node["metadata"]["name"]: nodes.zone_of(node) for node in settings.of("Node")}
    running = [pod for pod in settings.of("Pod") if (pod.get("status") or {}).get("phase") not in OVER]
    lost = [pod for pod in running if zones.get(_node(pod)) == zone and any(_of(pod, each) for each in deployments)]
    left = nodes.left_for(settings, deployments[0]["spec"]["template"]["spec"], zone)
    names = {node["metadata"]["name"] for node in left}
    asked = _sum(map(_requests, lost))
    free = _sum(_amounts(node["status"]["allocatable"]) for node in left)
    used = _sum(_requests(pod) for pod in running if _node(pod) in names)
    for resource in RESOURCES:
        if asked[resource] > (there := free[resource] - used[resource]):
            short = (
                f"{len(lost)} pods of {zone} ask for {asked[resource]:g} {resource}, {max(there, Decimal(0)):g} is free"
            )
            return f"{named(deployments[0])} and its like: {short}", f"free {asked[resource] - there:g} {resource} more"
    return None


def _node(pod: Item) -> str:
    return str(pod["spec"].get("nodeName", ""))


def _of(pod: Item, deployment: Item) -> bool:
    there, wanted = pod["metadata"], deployment["metadata"]
    return there.get("namespace") == wanted.get("namespace") and selects(
        deployment["spec"]["selector"], there.get("labels") or {}
    )


def _requests(pod: Item) -> Amounts:
    """What a pod asks for: its containers and sidecars together; other init containers are over by then."""
    sidecars = [each for each in pod["spec"].get("initContainers") or [] if each.get("restartPolicy") == "Always"]
    asked = [(each.get("resources") or {}).get("requests") or {} for each in [*pod["spec"]["containers"], *sidecars]]
    return _sum([*map(_amounts, asked), {"pods": Decimal(1)}])


def _amounts(quantities: Mapping[str, Any]) -> Amounts:
    from kubernetes.utils.quantity import parse_quantity

    return {name: parse_quantity(quantities[name]) for name in RESOURCES if name in quantities}


def _sum(parts: Iterable[Amounts]) -> Amounts:
    total = dict.fromkeys(RESOURCES, Decimal(0))
    for part in parts:
        for name, amount in part.items():
            total[name] += amount
    return total
