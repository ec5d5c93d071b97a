"""Who may call whom: everybody calls every port of a matrix as himself, and what he is answered is recorded.

Whoever is allowed calls first and last, so that a refusal in between is a refusal and not an outage. To refuse is the
business of the target's own proxy: HTTP it answers with 403 and its own words, any other bytes with an orderly close of
the TLS that stood.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from deploy.errors import Problem
from deploy.waiting import NotSo, eventually
from experiments import pods, session
from experiments.actions.fault import ended, inject, prove
from experiments.actions.handshakes import Port, certificate_of_injector, knock
from experiments.drivers import access_log, calls
from experiments.drivers.calls import Answer, Call
from experiments.drivers.injector import NAMESPACE, SELECTOR
from experiments.drivers.monitoring import Monitoring
from experiments.matrix import SCRAPE, Expected, Matrix, Row
from experiments.pods import Pod

if TYPE_CHECKING:
    from deploy.cluster import Cluster

FAULT = "calls by those who may not"
REFUSED, REFUSAL = 403, "RBAC: access denied"
LET_THROUGH = frozenset({200, 405})  # 405: the application itself does not know the method
ANSWERED, CLOSED = "answered ", "an authorization closed it"  # in the words of inside/handshake.py
INJECTOR = f"{NAMESPACE}/{SELECTOR}"  # whose certificate there is where no proxy lets anybody out
SCRAPED = 'timestamp(up{job="shop"}) and up{job="shop"} == 1'  # by pod: when it last answered Prometheus
SCRAPES_S = 45.0  # three of them
LOG_S = 20.0
OUTBOUND = "outbound|"  # in what the caller's own proxy logs

type Outcome = tuple[str, str]  # allowed, refused or unanswered; and why
type Entry = tuple[Row, str]


def call_as_everybody(callers: dict[str, Any], matrix: list[dict[str, Any]], within_s: float) -> dict[str, Any]:
    """Makes every call of the matrix (experiments/matrix.py), and proves by the targets' logs that they came there."""
    running = session.current()
    plan = Matrix.read({"callers": callers, "matrix": matrix})
    everybody = Everybody(running.cluster, plan, within_s)
    entries = [*plan.entries("allowed"), *plan.entries("refused")]
    running.recorder.event("coverage", what="access", expected=[plan.name(*entry) for entry in entries])
    begin, tries = time.monotonic(), list[dict[str, Any]]()

    def play() -> None:
        tries.extend(everybody.tries("allowed"))
        tries.extend(everybody.tries("refused"))
        tries.extend(everybody.tries("allowed", scraped_after=time.time()))

    inject(running, FAULT, [], play, {"callers": sorted(callers), "ports": sorted({row.place for row in plan.matrix})})
    for each in tries:
        running.recorder.event("access", **each)
    seen = everybody.seen_by_targets()
    answered = everybody.answered
    proof = prove(
        running,
        FAULT,
        acted=seen["came"] >= answered > 0,
        by="proxy-log",
        observed={"calls_answered": answered, "seen_by_the_targets_proxies": seen["came"], "denied": seen["denied"]},
    )
    ended(running, FAULT, begin)
    return {"tries": len(tries), **proof["observed"]}


@dataclass
class Everybody:
    """The callers of a matrix at work.

    Attributes:
        mark: in the User-Agent of every call, and so in the log of every proxy that it met.
        answered: how many calls over HTTP the target's side answered; what the caller's own proxy says is no answer.
    """

    cluster: Cluster
    plan: Matrix
    within_s: float
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    answered: int = 0
    begun: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.targets = {row.target: self._pods(row) for row in self.plan.matrix}
        self.places = {name: self._place(name) for name, caller in self.plan.callers.items() if caller.pods}

    def tries(self, expected: Expected, scraped_after: float | None = None) -> list[dict[str, Any]]:
        """Lets everybody call of whom the same is expected; returns the fields of `access` events."""
        by_hand: defaultdict[str, list[Row]] = defaultdict(list)
        tasks: list[Callable[[], list[dict[str, Any]]]] = []
        for row, name in self.plan.entries(expected):
            if row.call != SCRAPE:
                by_hand[name].append(row)
            elif name in self.places:
                tasks.append(partial(self._with_certificate, (row, name), expected))
            else:
                tasks.append(partial(self._scraped, (row, name), scraped_after))
        tasks += [partial(self._by_hand, name, rows, expected) for name, rows in by_hand.items()]
        with ThreadPoolExecutor(4) as pool:
            return [event for events in pool.map(lambda task: task(), tasks) for event in events]

    def seen_by_targets(self) -> Counter[str]:
        """Returns how many of the calls over HTTP came to the targets' proxies, and how many of them were denied."""
        behind = {pod.uid: pod for row in self.plan.matrix if row.host for pod in self.targets[row.target]}

        def count() -> Counter[str]:
            with ThreadPoolExecutor(4) as pool:
                return sum(pool.map(self._logged, behind.values()), Counter[str]())

        with suppress(NotSo):  # the proof then says how many there were
            return eventually(
                count,
                lambda seen: seen["came"] >= self.answered,
                within_s=LOG_S,
                every_s=2,
                what="the targets' proxies to have logged the calls",
            )
        return count()

    def _pods(self, row: Row) -> list[Pod]:
        found = [pod for pod in pods.find(self.cluster, row.namespace, row.selector) if pod.running and pod.ready]
        if not found:
            raise Problem(f"no pod of {row.target} is ready", fix=f"kubectl -n {row.namespace} get pods")
        return found

    def _place(self, name: str) -> Pod:
        caller = self.plan.callers[name]
        namespace, selector = caller.pods.split("/", 1)
        pod = pods.one_running(self.cluster, namespace, selector)
        if caller.account != f"{pod.namespace}/{pod.account}":
            raise Problem(
                f"{namespace}/{pod.name} is {pod.namespace}/{pod.account} and not {caller.account}",
                why="its certificate would say another name than the matrix",
                fix="mend the document",
            )
        return pod

    def _by_hand(self, name: str, rows: Sequence[Row], expected: Expected) -> list[dict[str, Any]]:
        """Calls from the caller's own pod, once for each pod of each row's target."""
        place, asked = self.places[name], [call for row in rows for call in self._calls(row)]
        lo = time.monotonic()
        answers = calls.make(self.cluster, (place.namespace, place.name), self.plan.callers[name].container, asked)
        hi, rest = time.monotonic(), iter(answers)
        outcomes = [[outcome(next(rest)) for _ in self.targets[row.target]] for row in rows]
        self.answered += sum(kind != "unanswered" for found in outcomes for kind, _ in found)
        return [self._event((row, name), expected, found, lo, hi) for row, found in zip(rows, outcomes, strict=True)]

    def _calls(self, row: Row) -> Iterator[Call]:
        method, path = row.call.split(" ")
        host = f"{row.host}.{row.namespace}.svc.cluster.local:{row.port}"
        for pod in self.targets[row.target]:
            yield Call(pod.ip, row.port, method, path, host, headers={"User-Agent": self.mark})

    def _with_certificate(self, entry: Entry, expected: Expected) -> list[dict[str, Any]]:
        """Knocks from outside the mesh with the injector's certificate, the only one that can be had for that."""
        row, name = entry
        if self.plan.callers[name].pods != INJECTOR:
            raise Problem(f"{row.place}: only the injector has a certificate to call with", fix="mend the document")
        ports = [Port(pod, row.port) for pod in self.targets[row.target]]
        lo = time.monotonic()
        found = knock(self.cluster, ports, ("mesh",), self.within_s, pem=certificate_of_injector(self.cluster))
        return [self._event(entry, expected, list(map(knocked, found)), lo, time.monotonic())]

    def _scraped(self, entry: Entry, after: float | None) -> list[dict[str, Any]]:
        """Prometheus calls by itself: returns when it was last answered, or answered after a moment (wall clock)."""
        names = {pod.name for pod in self.targets[entry[0].target]}
        since = time.time() - SCRAPES_S if after is None else after

        def answered() -> dict[str, float]:
            found = Monitoring.of(self.cluster).query(SCRAPED)
            times = {each["metric"].get("pod", ""): float(each["value"][1]) for each in found}
            return {name: at for name, at in times.items() if name in names and at > since}

        times: Mapping[str, float] = {}
        with suppress(NotSo):
            times = eventually(
                answered, lambda found: len(found) == len(names), within_s=SCRAPES_S, every_s=2, what="scrapes"
            )
        times = times or answered()
        ages = [time.time() - at for at in times.values()] or [0.0]
        now = time.monotonic()
        outcomes: list[Outcome] = [("allowed", "")] * len(times)
        outcomes += [("unanswered", f"Prometheus has no sample of {name}") for name in sorted(names - set(times))]
        return [self._event(entry, "allowed", outcomes, now - max(ages), now - min(ages))]

    def _event(
        self, entry: Entry, expected: Expected, outcomes: Sequence[Outcome], lo: float, hi: float
    ) -> dict[str, Any]:
        row, name = entry
        counts = Counter(kind for kind, _ in outcomes)
        detail = next((why for kind, why in outcomes if kind != expected), "")
        known = {kind: counts[kind] for kind in ("allowed", "refused", "unanswered")}
        who = {"caller": self.plan.callers[name].account, "call": row.call, "target": row.place}
        return {**who, "expected": expected, **known, "detail": detail, "lo": lo, "hi": hi}

    def _logged(self, pod: Pod) -> Counter[str]:
        return logged(access_log.text(self.cluster, pod, time.monotonic() - self.begun + 5), self.mark)


def outcome(answer: Answer) -> Outcome:
    """Says what an answer over HTTP tells of the proxy that stands before the application."""
    words = f"{answer.status}: {answer.body[:100]}"
    if answer.status == REFUSED and answer.body.startswith(REFUSAL):
        return "refused", words
    return ("allowed" if answer.status in LET_THROUGH else "unanswered"), words


def knocked(result: Mapping[str, Any]) -> Outcome:
    """Says the same of a try with a certificate: a close tells something only after TLS stood with a workload."""
    words = str(result["detail"])
    if result["outcome"] == "accepted" and result["peer_identity"]:
        if words.startswith(ANSWERED):
            return "allowed", words
        if words.endswith(CLOSED):
            return "refused", words
    return "unanswered", words


def logged(text: str, mark: str) -> Counter[str]:
    """Counts the marked calls that a proxy has logged as coming in, and those of them that it denied."""
    came = [line for line in text.splitlines() if mark in line and OUTBOUND not in line]
    return Counter(came=len(came), denied=sum("rbac_access_denied" in line for line in came))
