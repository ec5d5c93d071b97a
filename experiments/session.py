"""The experiment that runs in this process: what watches it and what calls the platform meanwhile.

Chaos Toolkit gives actions, probes and controls no common object, but they share a process: the control
`experiments.controls.recording` starts the one session there is, actions and probes ask for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from deploy.cluster import Cluster
from deploy.errors import Problem
from deploy.waiting import NotSo, eventually
from experiments import guard
from experiments.ledger import Ledger
from experiments.record import Recorder
from experiments.traffic import Traffic
from experiments.watch.pressure import PressureSampler
from experiments.watch.ready import Count, ReadyWatcher
from experiments.watch.thread import Watcher


@dataclass
class Session:
    """One running experiment.

    Attributes:
        cluster: where it runs.
        recorder: where its facts go.
        watch: tiers to watch, by namespace.
        traffic: the callers, already described but not yet started.
    """

    cluster: Cluster
    recorder: Recorder
    watch: Mapping[str, list[str]]
    traffic: Traffic
    watchers: list[Watcher] = field(default_factory=list)

    @cached_property
    def ledger(self) -> Ledger:
        """What must be undone on this cluster."""
        return Ledger.of(self.cluster.name)

    @cached_property
    def ready(self) -> dict[str, ReadyWatcher]:
        """The watcher of each namespace."""
        return {
            namespace: ReadyWatcher(self.recorder, self.cluster, namespace, list(tiers))
            for namespace, tiers in self.watch.items()
        }

    def start(self) -> Self:
        """Starts watchers and callers; what was started is stopped again when a later one fails."""
        guard.pin(self.cluster)
        guard.permit(self.cluster)
        try:
            for watcher in (PressureSampler("pressure sampler", self.recorder), *self.ready.values()):
                self.add(watcher)
            self.traffic.start()
        except BaseException:
            self.stop()
            raise
        return self

    def add(self, watcher: Watcher) -> None:
        """Starts a watcher that ends with the session."""
        watcher.start()
        self.watchers.append(watcher)

    def stop(self) -> None:
        """Stops callers, then watchers, and fetches what they measured; every one of them, whatever fails."""
        with ExitStack() as stack:
            for watcher in self.watchers:
                stack.callback(watcher.stop)
            for watcher in self.watchers:  # side by side: each may be in the middle of a look
                stack.callback(watcher.stopping.set)
            self.traffic.stop()

    def still_watched(self) -> None:
        """Checks that no watcher died: what it did not see afterwards would look as if it had not happened.

        Raises:
            Problem: one did.
        """
        failed = [f"{watcher.name}: {watcher.failed}" for watcher in self.watchers if watcher.failed]
        if failed:
            raise Problem("the experiment was not watched to its end", why="\n".join(failed), fix="run it again")

    def becomes[T](
        self, get: Callable[[], T], matches: Callable[[T], object], *, within_s: float, what: str, every_s: float = 0.25
    ) -> bool:
        """Says whether something becomes so in time, as `deploy.waiting.eventually` asks; a note tells what did not."""
        try:
            eventually(get, matches, within_s=within_s, what=what, every_s=every_s)
        except NotSo as missed:
            self.recorder.note(str(missed))
            return False
        return True

    def counts(self) -> dict[str, Count]:
        """Returns the ready pods of every watched tier as last seen."""
        return {tier: count for watcher in self.ready.values() for tier, count in watcher.counts().items()}

    def whole(self) -> bool:
        """Says whether every watched tier has all the ready pods it wants."""
        return all(watcher.full() for watcher in self.ready.values())

    def zone(self, zone: str | None) -> None:
        """Tells the watchers which zone is faulted."""
        for watcher in self.ready.values():
            watcher.exclude(zone)


_running: list[Session] = []


def begin(session: Session) -> Session:
    """Starts a session and makes it this process' own."""
    _running.append(session.start())
    return session


def end() -> None:
    """Stops the session, if there is one."""
    while _running:
        _running.pop().stop()


def current() -> Session:
    """Returns the running session.

    Raises:
        Problem: there is none.
    """
    if not _running:
        raise Problem(
            "no experiment is running in this process",
            fix="declare the control experiments.controls.recording in the document",
        )
    return _running[-1]


def numbers(raw: Any) -> dict[str, Any]:
    """Returns a mapping from a document's configuration, {} where there is none."""
    return dict(raw) if isinstance(raw, Mapping) else {}
