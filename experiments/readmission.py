"""Nobody is kept out when a case begins that needs so, nor after one that may have had somebody ejected.

An ejection outlives its cause, by 300 s as the platform is deployed, and a starved machine ejects healthy replicas too.
How long it lasts is asked of Envoy's runtime first, and of what Istio configured only if that says nothing. A proxy
whose runtime says 1 ms lets everybody in at its next sweep, each 5 s as deployed; then its runtime says nothing again.
So nobody waits, no pod is replaced, and Istio's configuration stays as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually
from experiments import pods
from experiments.collect import envoy
from experiments.ledger import Ledger, Undo
from experiments.pods import CALLERS, Pod
from experiments.radius import Radius, Thing
from experiments.record import Recorder

if TYPE_CHECKING:
    from deploy.cluster import Cluster

SHOP = "shop"
CLIENTS = (envoy.GATEWAYS, (CALLERS, ""), (SHOP, "app=app"))
FLAG = "failed_outlier_check"
LASTS = "outlier_detection.base_ejection_time_ms"  # of Envoy's runtime
AT_ONCE_MS, AS_CONFIGURED = "1", ""
FAULT = "ejections end at once"
WITHIN_S = 60.0
SWEPT_S = 12.0  # two of the proxies' sweeps
EVERY_S = 1.0
ASKED_AT_ONCE = 6


@contextmanager
def settled(cluster: Cluster, radius: Radius, recorder: Recorder) -> Iterator[None]:
    """Makes sure of it before the block and, unless the block failed, after it."""
    settle(cluster, radius, recorder)
    yield
    settle(cluster, radius, recorder)


def settle(cluster: Cluster, radius: Radius, recorder: Recorder) -> None:
    """Makes every client let in whom it has ejected, if a case touches that at all; notes who it was.

    Whoever is still kept out at the end is noted as well: the case's own steady state says what that means for it.

    Raises:
        Problem: a proxy cannot be made to eject for as long as is configured; nothing that it does could be believed.
    """
    if Thing.EJECTIONS not in radius.needs | radius.disturbs:
        return
    begin, seen = time.monotonic(), set[str]()
    while (keeping := kept_out(cluster)) and time.monotonic() - begin < WITHIN_S:
        seen.update(name for _, names in keeping for name in names)
        _let_in(cluster, [client for client, _ in keeping])
    if seen:
        recorder.note(f"kept out, let in within {time.monotonic() - begin:.0f} s: {', '.join(sorted(seen))}")


def kept_out(cluster: Cluster, clients: Iterable[Pod] | None = None) -> list[tuple[Pod, list[str]]]:
    """Returns the clients, of those given or of all, that keep a replica of the shop out, and the names of those."""
    clients = list(clients or _clients(cluster))
    by_ip = {pod.ip: pod.name for pod in pods.find(cluster, SHOP) if pod.running}
    told = _side_by_side(_unless_gone(lambda client: envoy.clusters_of(cluster, client, SHOP)), clients)
    found = ((client, {by_ip[ip] for ip in ejected(each or {}) if ip in by_ip}) for client, each in told)
    return [(client, sorted(names)) for client, names in found if names]


def ejected(upstreams: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
    """Yields the addresses of hosts that have Envoy's flag; `upstreams` as `envoy.clusters` reads them."""
    for about in upstreams.values():
        for key, value in about.items():
            host, _, what = key.rpartition("::")
            if what == "health_flags" and FLAG in value:
                yield host.rpartition(":")[0]


def overridden(cluster: Cluster) -> list[str]:
    """Returns the clients whose ejections do not last as long as is configured.

    Raises:
        OSError, ApiException: one of them does not answer.
    """
    told = _side_by_side(lambda client: envoy.overrides(cluster, client), _clients(cluster))
    return [client.name for client, overrides in told if LASTS in overrides]


def forget(cluster: Cluster, undo: Undo) -> str:
    """Makes ejections last as configured again, in those of the undo's proxies that are still there.

    Raises:
        Problem: one of them does not answer.
    """
    named = {tuple(each) for each in undo["proxies"]}

    def deaf() -> list[str]:
        there = [client for client in _clients(cluster) if (client.namespace, client.name) in named]
        return [client.name for client, heard in _side_by_side(_told(cluster, AS_CONFIGURED), there) if not heard]

    try:
        eventually(deaf, lambda names: not names, within_s=WITHIN_S, every_s=EVERY_S, what="every proxy to forget it")
    except NotSo as silent:
        raise Problem(
            "proxies still end each ejection at once", why=str(silent), fix="make heal, or delete their pods"
        ) from None
    return f"{len(named)} proxies eject for as long as configured"


def _let_in(cluster: Cluster, clients: Sequence[Pod]) -> None:
    """Has each client end its ejections at its next sweep, and waits for that."""
    ledger = Ledger.of(cluster.name)
    undo = {"undo": "forget-overrides", "proxies": [[client.namespace, client.name] for client in clients]}
    entry = ledger.intend(FAULT, undo)
    try:
        _side_by_side(_told(cluster, AT_ONCE_MS), clients)
        with suppress(NotSo):
            eventually(
                lambda: kept_out(cluster, clients),
                lambda keeping: not keeping,
                within_s=SWEPT_S,
                every_s=EVERY_S,
                what="the proxies' next sweep",
            )
    finally:
        forget(cluster, undo)
        ledger.done(entry.id)


def _clients(cluster: Cluster) -> list[Pod]:
    return [pod for found in CLIENTS for pod in pods.find(cluster, *found) if envoy.has_proxy(pod)]


def _side_by_side[T](ask: Callable[[Pod], T], clients: Sequence[Pod]) -> list[tuple[Pod, T]]:
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        return list(zip(clients, pool.map(ask, clients), strict=True))


def _told(cluster: Cluster, lasts_ms: str) -> Callable[[Pod], bool | None]:
    """Returns what tells a proxy how long an ejection lasts, and says whether it heard."""

    def tell(client: Pod) -> bool:
        envoy.override(cluster, client, LASTS, lasts_ms)
        return True

    return _unless_gone(tell)


def _unless_gone[T](ask: Callable[[Pod], T]) -> Callable[[Pod], T | None]:
    """Asks likewise; a proxy on its way out says nothing, and whatever it knew ends with it."""

    def asked(client: Pod) -> T | None:
        try:
            return ask(client)
        except Exception:  # noqa: BLE001 - it may be gone in any way; who needs its answer asks again
            return None

    return asked
