"""The shop in this process: the real servers on loopback, with the database and the queue in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, ClientTimeout, web

from deploy.workloads.shop import api, app, tracing
from deploy.workloads.shop.faults import FaultSwitch
from deploy.workloads.shop.orders import Job, Order, Unavailable
from deploy.workloads.shop.serving import Process
from deploy.workloads.shop.settings import Settings

BOUND_S = 120.0  # of a story; it hangs, the machine is not only busy


@dataclass
class Answers:
    """A meter that only remembers."""

    requests: list[tuple[str, str, int]] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)

    def request(self, method: str, route: str, status: int, took_s: float) -> None:
        assert took_s >= 0
        self.requests.append((method, route, status))

    def job(self, outcome: str) -> None:
        self.jobs.append(outcome)


@dataclass
class MemoryLedger:
    """Orders in a dict; `is_down` makes it answer like a database that is failing over."""

    orders: dict[str, dict[str, object]] = field(default_factory=dict)
    is_down: bool = False

    def _check(self) -> None:
        if self.is_down:
            raise Unavailable("the primary is gone")

    async def add(self, order: Order) -> str:
        self._check()
        return str(self.orders.setdefault(order.id, {**order.body(), "status": "accepted"})["status"])

    async def find(self, order_id: str) -> dict[str, object] | None:
        self._check()
        return self.orders.get(order_id)

    async def finish(self, order_id: str) -> bool:
        self._check()
        was_open = order_id in self.orders and self.orders[order_id]["status"] == "accepted"
        if was_open:
            self.orders[order_id]["status"] = "done"
        return was_open

    async def overdue(self, age_s: float, at_most: int) -> list[str]:  # noqa: ARG002 - every order here is old
        self._check()
        return [name for name, order in self.orders.items() if order["status"] == "accepted"][:at_most]


@dataclass
class MemoryJobs:
    """The queue as lists: what waits, and what this worker has taken."""

    waiting: list[Job] = field(default_factory=list)
    taken: list[Job] = field(default_factory=list)
    is_down: bool = False

    def _check(self) -> None:
        if self.is_down:
            raise Unavailable("no primary is known to Sentinel")

    async def put(self, job: Job) -> None:
        self._check()
        self.waiting.append(job)

    async def take(self, wait_s: float) -> Job | None:
        self._check()
        if not self.waiting:
            await asyncio.sleep(min(wait_s, 0.01))
            return None
        self.taken.append(self.waiting.pop(0))
        return self.taken[-1]

    async def done(self, job: Job) -> None:
        self.taken.remove(job)

    async def give_back(self, job: Job) -> None:
        self.taken.remove(job)
        self.waiting.append(job)

    async def beat(self) -> None:
        self._check()

    async def adopt(self) -> int:
        return 0

    async def leave(self) -> None:
        self._check()
        self.waiting.extend(self.taken)
        self.taken.clear()


def process(tier: str, **settings: Any) -> Process:
    """One process of a tier, with a meter that remembers."""
    told = Settings(tier, pod=f"{tier}-0", **settings)
    return Process(told, FaultSwitch(told.pod), tracing.silent, Answers())


@dataclass
class Shop:
    """App and api, served; `session` talks to `url`, the app."""

    url: str
    session: ClientSession
    app: Process
    api: Process
    ledger: MemoryLedger
    jobs: MemoryJobs


@asynccontextmanager
async def served(server: web.Application) -> AsyncIterator[str]:
    """Serves on a free port of loopback and yields the address."""
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def shop() -> AsyncIterator[Shop]:
    """Serves app and api tiers as they are, joined by HTTP."""
    ledger, jobs, api_process = MemoryLedger(), MemoryJobs(), process("api")
    async with served(api.make(api_process, ledger, jobs)) as api_url:
        app_process = process("app", api_url=api_url)
        async with served(app.make(app_process)) as url, ClientSession(timeout=ClientTimeout(BOUND_S)) as session:
            yield Shop(url, session, app_process, api_process, ledger, jobs)


def run[T](story: Coroutine[Any, Any, T]) -> T:
    """Runs a story to its end, which must come."""
    return asyncio.run(asyncio.wait_for(story, BOUND_S))


async def until(holds: Callable[[], object]) -> None:
    """Waits until something holds, looking each time that everybody else had a turn; `run` bounds the story."""
    while not holds():  # noqa: ASYNC110 - the lists under test have no event to wait for
        await asyncio.sleep(0)
