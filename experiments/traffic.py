"""The callers of an experiment, described as data in its document.

```yaml
traffic:
  rate_hz: 20
  timeout_s: 3
  duration_s: 600          # a bound; they are stopped when the experiment is over
  callers: {gateway: /, us-east-1a: "http://app.shop.svc.cluster.local:8080/"}
  locust: {users: 5}
```
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from deploy.errors import Problem
from experiments import pods
from experiments.ledger import Entry, Ledger
from experiments.record import Recorder

if TYPE_CHECKING:
    from deploy.cluster import Cluster
    from loadtests.run import HostCaller, PodCaller

GATEWAY = "gateway"
CALLERS = "callers"
# The newest sample file in a caller's pod; its last lines are enough to know how it fares.
TAIL = 'tail -c 60000 "$(ls -t /tmp/samples-*.ndjson | head -n 1)"'


class Users(BaseModel):
    """Steady user load by Locust, besides the callers that figures come from."""

    model_config = ConfigDict(extra="forbid")
    users: int = Field(ge=1, le=500)


class Plan(BaseModel):
    """A document's `traffic`."""

    model_config = ConfigDict(extra="forbid")
    rate_hz: float = Field(gt=0, le=200)
    timeout_s: float = Field(default=3, gt=0, le=30)
    duration_s: float = Field(gt=0, le=1800)
    callers: dict[str, str] = Field(min_length=1)
    locust: Users | None = None


@dataclass
class Traffic:
    """The callers of one experiment. Figures are never taken from here, only from the sample files."""

    cluster: Cluster
    recorder: Recorder
    plan: Plan | None
    ledger: Ledger
    _left: Entry | None = None
    _callers: dict[str, HostCaller | PodCaller] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def start(self) -> Self:
        """Starts every caller, side by side; an experiment without traffic starts none."""
        if self.plan:
            zones = [name for name in self.plan.callers if name != GATEWAY]
            self._left = self.ledger.intend("callers", {"undo": "stop-callers", "zones": zones})
            with ThreadPoolExecutor(len(self.plan.callers)) as pool:
                for caller in [pool.submit(self._start_one, name, url) for name, url in self.plan.callers.items()]:
                    caller.result()
            if self.plan.locust:
                self._start_locust(self.plan.locust)
        return self

    def stop(self) -> None:
        """Stops every caller and brings its samples here; one that cannot be stopped is noted, and proves nothing."""
        with ThreadPoolExecutor(len(self._callers) or 1) as pool:
            all_stopped = all(list(pool.map(self._stop_one, list(self._callers))))
        self._callers.clear()
        if self._left and all_stopped:  # otherwise whoever heals ends them
            self.ledger.done(self._left.id)
            self._left = None
        try:
            self._stack.close()
        except Problem as problem:
            self.recorder.note(f"user load: {problem}")

    def _start_one(self, name: str, url: str) -> None:
        from loadtests.run import HostCaller, PodCaller

        assert self.plan is not None
        load: dict[str, Any] = self.plan.model_dump(include={"rate_hz", "duration_s", "timeout_s"})
        caller: HostCaller | PodCaller
        if name == GATEWAY:
            # A new connection each time, as new users make them: one kept alive would know one gateway pod only.
            fresh = {"Connection": "close"}
            caller = HostCaller(url=self.cluster.gateway_url + url, out=self._file(name), headers=fresh, **load)
        else:
            caller = PodCaller(cluster=self.cluster, zone=name, url=url, **load)
        self._callers[name] = caller
        caller.start()

    def _stop_one(self, name: str) -> bool:
        caller = self._callers[name]
        try:
            caller.stop()
            if name != GATEWAY:
                caller.fetch(self._file(name))  # type: ignore[union-attr]
        except Problem as problem:
            self.recorder.note(f"caller {name}: {problem}")
            return False
        return True

    def names(self) -> list[str]:
        """Returns the callers that run."""
        return list(self._callers)

    def latest(self, name: str, seconds: float, now: float) -> list[bool]:
        """Returns, for one caller's requests that were over in the last seconds, whether each succeeded."""
        if name == GATEWAY:
            text = self._file(name).read_text()[-60000:]
        else:
            pod = pods.one_running(self.cluster, CALLERS, f"app=caller-{name}").name
            text = self.cluster.exec(CALLERS, pod, ["sh", "-c", TAIL], container="caller", timeout_s=20)
        return succeeded(text, after=now - seconds)

    def _file(self, name: str) -> Path:
        return self.recorder.folder / f"samples-{name}.ndjson"

    def _start_locust(self, users: Users) -> None:
        from loadtests.run import Locust

        assert self.plan is not None
        self._stack.enter_context(
            Locust(
                host=self.cluster.gateway_url,
                users=users.users,
                spawn_rate=users.users,
                duration_s=self.plan.duration_s,
                out=self.recorder.folder,
            )
        )


def succeeded(text: str, after: float) -> list[bool]:
    """Reads the samples in a piece of a sample file (its ends may be torn) that ended after a moment."""
    found = []
    for line in text.splitlines():
        try:
            sample = json.loads(line)
        except ValueError:
            continue
        if isinstance(sample, dict) and "done" in sample and sample["done"] >= after:
            found.append(0 < sample["status"] < 500)
    return found
