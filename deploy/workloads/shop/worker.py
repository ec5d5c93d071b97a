"""The worker tier: takes jobs from the queue and fulfils orders, each exactly once whatever happens to the worker.

Fulfilling is one conditional UPDATE, so doing a job twice changes nothing; that makes every way of losing a worker or a
queue harmless: jobs of the dead are adopted, and orders that no job speaks of are found by age.
For the fault switch a job is what a request is elsewhere: `status` fails it, `delay` slows it, `hang` holds it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from .orders import Job, Jobs, Ledger, Unavailable
from .serving import Process, build

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from aiohttp import web

    from .faults import Active

LOG = logging.getLogger(__name__)
TAKE_S = 2.0  # how long one wait for a job lasts, and so how long a stop may take
RETRY_S = 1.0
KEEP_HOUSE_S = 10.0
OVERDUE_S = 30.0
SWEEP_MAX = 50
STUCK_S = 90.0  # a turn of either loop takes 30 s at the most: everything it waits for has a time-out


def make(process: Process, ledger: Ledger, jobs: Jobs) -> web.Application:
    """Makes the server of the worker tier: probes only, with the worker running beside them."""
    app, worker = build(process), Worker(process, ledger, jobs)
    app.cleanup_ctx.append(worker.running)
    return app


class Worker:
    """Two loops: one for jobs, one that keeps house. One that no longer comes round makes the liveness probe fail."""

    def __init__(
        self, process: Process, ledger: Ledger, jobs: Jobs, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._process, self._ledger, self._jobs, self._clock = process, ledger, jobs, clock
        self._stop = asyncio.Event()
        self._turned: dict[str, float] = {}
        self._holds_none = False
        process.is_stuck = self.is_stuck

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """Runs both loops for as long as the server runs; a job under way is ended or given back."""
        loops = [asyncio.create_task(self._turning(turn)) for turn in (self._work, self._keep_house)]
        yield
        self._stop.set()
        _done, late = await asyncio.wait(loops, timeout=2 * TAKE_S)
        for loop in late:  # held by a fault
            loop.cancel()
        try:
            await self._jobs.leave()
        except Unavailable as error:
            LOG.warning("jobs of this worker wait to be adopted: %s", error)

    def is_stuck(self) -> bool:
        """Says whether a loop has not come round for long, and not because a fault was asked to hold it."""
        oldest = min(self._turned.values(), default=self._clock())
        return self._clock() - oldest > STUCK_S and not self._process.switch.active()

    async def handle(self, job: Job) -> str:
        """Does one taken job: done, repeated (was done before), or failed and given back."""
        with self._process.step("process job", "consumer", job.trace) as hop:
            try:
                outcome = await self._fulfil(job, hop.headers)
            except Unavailable as error:
                LOG.warning("order %s: %s", job.order, error)
                outcome = "failed"
            hop.note("shop.outcome", outcome)
        await (self._jobs.give_back(job) if outcome == "failed" else self._jobs.done(job))
        self._process.meter.job(outcome)
        return outcome

    async def sweep(self) -> int:
        """Fulfils orders that no job speaks of any more; returns how many."""
        if self._process.switch.active():
            return 0  # a worker told to fail must not succeed by the back door
        ids = await self._ledger.overdue(OVERDUE_S, SWEEP_MAX)
        return sum([await self._ledger.finish(order_id) for order_id in ids])

    async def _fulfil(self, job: Job, trace: Mapping[str, str]) -> str:
        active = self._process.switch.take()
        if active and await self._suffer(active):
            return "failed"
        with self._process.step("UPDATE orders", "client", trace) as hop:
            hop.note("db.system", "postgresql")
            return "done" if await self._ledger.finish(job.order) else "repeated"

    async def _suffer(self, active: Active) -> bool:
        """Does to a job what the fault says; True when the job has failed by it."""
        if active.fault.kind == "delay":
            await self._process.switch.outlast(active, active.fault.value)
        elif active.fault.kind == "hang":
            await self._process.switch.outlast(active)
        return active.fault.kind == "status"

    async def _turning(self, turn: Callable[[], Awaitable[float]]) -> None:
        """Takes one turn after the other until the worker stops, with the rest that each asks for.

        An error that nobody foresaw costs this turn only (asyncpg's InternalClientError is neither of the two that it
        documents): a loop that ended by one would leave a worker that is Ready and takes no orders.
        """
        while not self._is_stopping():
            self._turned[turn.__name__] = self._clock()
            try:
                rest_s = await turn()
            except Exception:
                LOG.exception("a turn of %s failed", turn.__name__)
                rest_s = RETRY_S
            if rest_s:
                await self._rest(rest_s)

    async def _work(self) -> float:
        try:
            if not self._holds_none:
                await self._jobs.leave()  # what this pod held before its container was restarted, or a turn failed
                await self._jobs.beat()
                self._holds_none = True
            job = await self._jobs.take(TAKE_S)
            self._holds_none = job is None
            outcome = await self.handle(job) if job else "idle"
            self._holds_none = True
        except Unavailable as error:
            LOG.warning("no job can be had: %s", error)
            outcome = "failed"
        return RETRY_S if outcome == "failed" else 0

    async def _keep_house(self) -> float:
        try:
            await self._jobs.beat()
            await self._jobs.adopt()
        except Unavailable as error:
            LOG.warning("house-keeping in Redis: %s", error)
        try:
            await self.sweep()
        except Unavailable as error:
            LOG.warning("sweep: %s", error)
        return KEEP_HOUSE_S

    def _is_stopping(self) -> bool:
        return self._stop.is_set() or self._process.draining

    async def _rest(self, seconds: float) -> None:
        await asyncio.wait([stopped := asyncio.ensure_future(self._stop.wait())], timeout=seconds)
        stopped.cancel()
