"""The worker tier: takes jobs from the queue and fulfils orders, each exactly once whatever happens to the worker.

Fulfilling is one conditional UPDATE, so doing a job twice changes nothing; that makes every way of losing a worker or a
queue harmless: jobs of the dead are adopted, and orders that no job speaks of are found by age.
For the fault switch a job is what a request is elsewhere: `status` fails it, `delay` slows it, `hang` holds it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from .orders import Job, Jobs, Ledger, Unavailable
from .serving import Process, build

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiohttp import web

    from .faults import Active

LOG = logging.getLogger(__name__)
TAKE_S = 2.0  # how long one wait for a job lasts, and so how long a stop may take
RETRY_S = 1.0
KEEP_HOUSE_S = 10.0
OVERDUE_S = 30.0
SWEEP_MAX = 50


def make(process: Process, ledger: Ledger, jobs: Jobs) -> web.Application:
    """Makes the server of the worker tier: probes only, with the worker running beside them."""
    app, worker = build(process), Worker(process, ledger, jobs)
    app.cleanup_ctx.append(worker.running)
    return app


class Worker:
    """Two loops: one for jobs, one that keeps house."""

    def __init__(self, process: Process, ledger: Ledger, jobs: Jobs) -> None:
        self._process, self._ledger, self._jobs = process, ledger, jobs
        self._stop = asyncio.Event()

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """Runs both loops for as long as the server runs; a job under way is ended or given back."""
        loops = [asyncio.create_task(self._work()), asyncio.create_task(self._keep_house())]
        yield
        self._stop.set()
        _done, late = await asyncio.wait(loops, timeout=2 * TAKE_S)
        for loop in late:  # held by a fault
            loop.cancel()
        try:
            await self._jobs.leave()
        except Unavailable as error:
            LOG.warning("jobs of this worker wait to be adopted: %s", error)

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

    async def _work(self) -> None:
        is_known = False
        while not self._is_stopping():
            try:
                if not is_known:
                    await self._jobs.leave()  # what this pod held before its container was restarted
                    await self._jobs.beat()
                    is_known = True
                job = await self._jobs.take(TAKE_S)
                outcome = await self.handle(job) if job else "idle"
            except Unavailable as error:
                LOG.warning("no job can be had: %s", error)
                outcome = "failed"
            if outcome == "failed":
                await self._rest(RETRY_S)

    async def _keep_house(self) -> None:
        while not self._is_stopping():
            try:
                await self._jobs.beat()
                await self._jobs.adopt()
            except Unavailable as error:
                LOG.warning("house-keeping in Redis: %s", error)
            try:
                await self.sweep()
            except Unavailable as error:
                LOG.warning("sweep: %s", error)
            await self._rest(KEEP_HOUSE_S)

    def _is_stopping(self) -> bool:
        return self._stop.is_set() or self._process.draining

    async def _rest(self, seconds: float) -> None:
        await asyncio.wait([stopped := asyncio.ensure_future(self._stop.wait())], timeout=seconds)
        stopped.cancel()
