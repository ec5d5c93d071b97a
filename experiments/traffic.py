"""The callers of an experiment, described as data in its document.

```yaml
traffic:
  rate_hz: 20
  timeout_s: 3
  duration_s: 600          # a bound; they are stopped when the experiment is over
  starts_after_s: 40       # so long nobody calls yet: what earlier cases left under way is over by then
  callers:
    gateway: /
    us-east-1a: "http://app.shop.svc.cluster.local:8080/"
    orders: {url: /orders, method: POST, body: {item: tea}, keep: id, rate_hz: 4}    # zone: … for one inside the mesh
    variant-b: {url: /release/ab/, headers: {x-variant: b}, keep: version}
    spans: {url: "http://…:4318/v1/traces", zone: us-east-1a, hands_in_traces: true}  # one trace with each request
  locust: {users: 5, workers: 2}      # users are spread over processes; one where it is not said
```
"""

from __future__ import annotations

import json
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from deploy.errors import Problem
from deploy.waiting import pause
from experiments import pods, undo
from experiments.ledger import Entry, Ledger
from experiments.pods import CALLERS
from experiments.record import Recorder

if TYPE_CHECKING:
    from deploy.cluster import Cluster
    from loadtests.run import HostCaller, PodCaller

GATEWAY = "gateway"
# The whole of it, so that no "user@" in front of a path sends a caller somewhere else.
INSIDE = re.compile(r"http://[a-z0-9-]+(\.[a-z0-9-]+)*\.svc\.cluster\.local(:[0-9]{1,5})?(/\S*)?")
Label = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$")]
HeaderName = Annotated[str, Field(pattern=r"^x-[a-z0-9-]{1,40}$")]
HeaderValue = Annotated[str, Field(pattern=r"^[!-~]([ -~]{0,100}[!-~])?$")]
# As a program's argument it is followed by the name that undo stop-callers looks for.
TRACE_SENDER = Path(__file__).parent / "inside" / "trace_sender.py"
# The newest sample file of a run's caller in its pod; its last lines are enough to know how it fares.
TAIL = 'tail -c 60000 "$(ls -t /tmp/samples-"$0"-"$1"-*.ndjson | head -n 1)"'


class Users(BaseModel):
    """Steady user load by Locust, besides the callers that figures come from."""

    model_config = ConfigDict(extra="forbid")
    users: int = Field(ge=1, le=500)
    workers: int = Field(default=1, ge=1, le=8)


class Call(BaseModel):
    """What one caller sends: from a zone's pod, or without a zone from this host through the gateway."""

    model_config = ConfigDict(extra="forbid")
    url: str
    zone: Label | None = None
    method: Literal["GET", "POST"] = "GET"
    body: dict[str, Any] | None = None
    # Such as a route may ask for; the header Host would send a caller somewhere else.
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict, max_length=10)
    keep: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]*$")  # field of the JSON answer that goes into the sample
    rate_hz: float | None = Field(default=None, gt=0, le=200)
    hands_in_traces: bool = False  # each request exports a trace of its own, see inside/trace_sender.py

    @model_validator(mode="after")
    def _stays_inside(self) -> Self:
        """A caller on this host calls a path of the gateway, one in a pod a service of the cluster, nobody else."""
        if self.zone is None and not re.fullmatch(r"/\S*", self.url):
            raise ValueError(f"{self.url!r} is not a path of the gateway, like /browse")
        if self.zone is not None and not INSIDE.fullmatch(self.url):
            raise ValueError(f"{self.url!r} is not inside the cluster")
        if self.hands_in_traces and (self.zone is None or self.body):
            raise ValueError("traces are handed in from a zone, and are the body")
        return self


class Plan(BaseModel):
    """A document's `traffic`. A caller that is a URL alone reads it from where its name says: gateway, or a zone."""

    model_config = ConfigDict(extra="forbid")
    rate_hz: float = Field(gt=0, le=200)
    timeout_s: float = Field(default=3, gt=0, le=60)
    duration_s: float = Field(gt=0, le=1800)
    starts_after_s: float = Field(default=0, ge=0, le=120)
    callers: dict[Label, Call] = Field(min_length=1, max_length=20)  # a name is also a file's
    locust: Users | None = None

    @property
    def calls_hz(self) -> float:
        """Requests a second of all callers together; a user makes about one."""
        users = self.locust.users if self.locust else 0
        return users + sum(call.rate_hz or self.rate_hz for call in self.callers.values())

    @field_validator("callers", mode="before")
    @classmethod
    def _named_after_its_place(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        return {
            name: {"url": call, "zone": None if name == GATEWAY else name} if isinstance(call, str) else call
            for name, call in raw.items()
        }


@dataclass
class Traffic:
    """The callers of one experiment. Figures are never taken from here, only from the sample files.

    Attributes:
        run: what each of their requests says in x-experiment-run.
        started_s: when they began to call, by the clock of the day; 0 before.
    """

    cluster: Cluster
    recorder: Recorder
    plan: Plan | None
    ledger: Ledger
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    started_s: float = 0.0
    _left: Entry | None = None
    _callers: dict[str, HostCaller | PodCaller] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def start(self) -> Self:
        """Starts every caller, side by side; an experiment without traffic starts none."""
        if self.plan:
            inside = {name: call.zone for name, call in self.plan.callers.items() if call.zone}
            stop = {"undo": "stop-callers", "run": self.run, "zones": sorted(set(inside.values())), "callers": inside}
            undo.require_rights(self.cluster, [stop])
            pause(self.plan.starts_after_s)
            self.started_s = time.time()
            self._left = self.ledger.intend("callers", stop | {"case": str(self.recorder.folder)})
            with ThreadPoolExecutor(len(self.plan.callers)) as pool:
                for caller in [pool.submit(self._start_one, name) for name in self.plan.callers]:
                    caller.result()
            if self.plan.locust:
                self._start_locust(self.plan.locust)
        return self

    def wait(self) -> None:
        """Waits until every caller has sent all that was planned, and was answered."""
        pool = ThreadPoolExecutor(len(self._callers) or 1)
        try:
            list(pool.map(lambda caller: caller.wait(), self._callers.values()))
        finally:  # interrupted, we do not wait for those who wait: callers are stopped later
            pool.shutdown(wait=False, cancel_futures=True)

    def stop(self) -> None:
        """Stops every caller and brings its samples here; one that cannot be stopped is noted, and proves nothing."""
        with ThreadPoolExecutor(len(self._callers) + 1) as pool:
            users = pool.submit(self._stack.close)
            all_stopped = all(list(pool.map(self._stop_one, list(self._callers))))
        self._callers.clear()
        if self._left and all_stopped:  # otherwise whoever heals ends them
            self.ledger.done(self._left.id)
            self._left = None
        try:
            users.result()
        except Problem as problem:
            self.recorder.note(f"user load: {problem}")

    def _start_one(self, name: str) -> None:
        from loadtests.run import HostCaller, PodCaller

        assert self.plan is not None
        call = self.plan.callers[name]
        load: dict[str, Any] = self.plan.model_dump(include={"duration_s", "timeout_s"})
        load |= {"rate_hz": call.rate_hz or self.plan.rate_hz, "method": call.method, "caller": name, "run": self.run}
        load |= {"body": json.dumps(call.body) if call.body else "", "keep": call.keep}
        caller: HostCaller | PodCaller
        if call.zone is None:
            # A new connection each time, as new users make them: one kept alive would know one gateway pod only.
            fresh = {"Connection": "close", **call.headers}
            url = self.cluster.gateway_url + call.url
            caller = HostCaller(url=url, out=self._file(name), headers=fresh, **load)
        else:
            headers: dict[str, str] = dict(call.headers)
            if call.hands_in_traces:
                load |= {"program": ("python3", "-c", TRACE_SENDER.read_text(), "open_loop.py"), "method": "POST"}
                headers |= {"content-type": "application/json"}
            caller = PodCaller(cluster=self.cluster, zone=call.zone, url=call.url, headers=headers, **load)
        self._callers[name] = caller
        caller.start()

    def _stop_one(self, name: str) -> bool:
        from loadtests.run import PodCaller

        caller = self._callers[name]
        try:
            caller.stop()
            if isinstance(caller, PodCaller):
                caller.fetch(self._file(name))
        except Problem as problem:
            self.recorder.note(f"caller {name}: {problem}")
            return False
        return True

    def names(self) -> list[str]:
        """Returns the callers that run."""
        return list(self._callers)

    def latest(self, name: str, seconds: float, now: float) -> list[bool]:
        """Returns, for one caller's requests that were over in the last seconds, whether each succeeded."""
        assert self.plan is not None
        zone = self.plan.callers[name].zone
        if zone is None:
            text = self._file(name).read_text()[-60000:]
        else:
            pod = pods.one_running(self.cluster, CALLERS, f"app=caller-{zone}").name
            text = self.cluster.exec(CALLERS, pod, ["sh", "-c", TAIL, self.run, name], container="caller", timeout_s=20)
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
                workers=users.workers,
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
