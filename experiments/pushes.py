"""What istiod pushes takes its time: waits until the proxies of some pods have a change, or have lost it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually
from experiments import pods

if TYPE_CHECKING:
    from deploy.cluster import Cluster

WITHIN_S = 60.0


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

    Who they are is asked each time: a pod that is replaced meanwhile is none of them any more.

    Raises:
        Problem: one does not have it in time, or there is none.
    """
    namespace, selector = proxies.pods.split("/", 1)
    argv = ["pilot-agent", "request", "GET", proxies.config]
    reached: set[str] = set()

    def missing() -> set[str]:
        there = {pod.name for pod in pods.find(cluster, namespace, selector) if pod.running}
        for name in there - reached:
            text = cluster.exec(namespace, name, argv, container=pods.PROXY)
            if proxies.about in text and _shows(text, proxies) is not back:
                reached.add(name)
        return there - reached

    try:
        eventually(
            missing,
            lambda left: reached and not left,
            within_s=WITHIN_S,
            every_s=1,
            what=f"the proxies of {proxies.pods} to {'lose' if back else 'get'} the change",
        )
    except NotSo as late:
        raise Problem(
            f"the {'end of the ' if back else ''}negative control did not reach the proxies of {proxies.pods}",
            why=str(late),
            fix="is istiod ready, and does the control's file say what they get? then run it again",
        ) from None


def _shows(text: str, proxies: Proxies) -> bool:
    """Says whether a configuration has or lacks what the change makes it have or lack."""
    return (proxies.lacks is None or proxies.lacks not in text) and (proxies.has is None or proxies.has in text)
