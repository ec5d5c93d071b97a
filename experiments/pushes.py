"""What istiod pushes takes its time: waits until the proxies of some pods have a change, or have lost it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually
from experiments import pods

if TYPE_CHECKING:
    from deploy.cluster import Cluster

WITHIN_S = 120.0
# A listener that changes keeps its open connections on the old filter chains, with all that these let through, until
# they have drained: 45 s (Istio's drainDuration). Whoever calls over such a connection meets what is no longer there.
LISTENERS, WARMING = "listeners", "warming_state"
DRAINING = "stats?filter=^listener_manager.total_.*_draining$"
ASK_AGAIN_S = 3.0


class Proxies(BaseModel):
    """What the proxies of some pods must show once the change has reached them."""

    model_config = ConfigDict(extra="forbid")
    pods: str = Field(pattern=r"^[a-z0-9-]+/.+$")
    config: str
    about: str
    lacks: str | None = None
    has: str | None = None


def reached(cluster: Cluster, proxies: Proxies, *, back: bool = False) -> None:
    """Waits until the configuration of every proxy that runs shows the change or, `back`, does not show it any more.

    Who they are is asked each time: a pod that is replaced meanwhile is none of them any more. Of a change of listeners
    the old ones must have drained too.

    Raises:
        Problem: one does not have it in time, or there is none.
    """
    namespace, selector = proxies.pods.split("/", 1)
    shown: set[str] = set()
    reached: set[str] = set()

    def ask(name: str, query: str) -> str:
        argv = ["pilot-agent", "request", "GET", query]
        return cluster.exec(namespace, name, argv, container=pods.PROXY)

    def has_it(name: str) -> bool:
        if name not in shown:
            text = ask(name, proxies.config)
            if proxies.about not in text or WARMING in text or _shows(text, proxies) is back:
                return False
            shown.add(name)
        return LISTENERS not in proxies.config or _drained(ask(name, DRAINING))

    def missing() -> set[str]:
        there = {pod.name for pod in pods.find(cluster, namespace, selector) if pod.running}
        reached.update(name for name in there - reached if has_it(name))
        return there - reached

    try:
        eventually(
            missing,
            lambda left: reached and not left,
            within_s=WITHIN_S,
            every_s=ASK_AGAIN_S if LISTENERS in proxies.config else 1,
            what=f"the proxies of {proxies.pods} to {'lose' if back else 'get'} the change",
        )
    except NotSo as late:
        raise Problem(
            f"the {'end of the ' if back else ''}negative control did not reach the proxies of {proxies.pods}",
            why=str(late),
            fix="is istiod ready, and does the control's file say what they get? then run it again",
        ) from None


def _drained(stats: str) -> bool:
    """Says whether a proxy counts what drains, and counts nothing."""
    counted = [line.rpartition(":")[2].strip() for line in stats.splitlines() if line.strip()]
    return bool(counted) and set(counted) == {"0"}


def _shows(text: str, proxies: Proxies) -> bool:
    """Says whether a configuration has or lacks what the change makes it have or lack."""
    return (proxies.lacks is None or proxies.lacks not in text) and (proxies.has is None or proxies.has in text)
