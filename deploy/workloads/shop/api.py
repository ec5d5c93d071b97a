"""The api tier: the catalogue from memory, orders in PostgreSQL, jobs for the workers in Redis.

An order is acknowledged when PostgreSQL has committed it, and not before. Its job is queued afterwards: an order whose
job is lost on the way (Redis down, this pod killed) is found in PostgreSQL by the workers' sweep.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiohttp import web

from .orders import CATALOGUE, Job, Jobs, Ledger, Order, Unavailable, parse_id
from .serving import HOP, Process, build, read_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOG = logging.getLogger(__name__)


def make(process: Process, ledger: Ledger, jobs: Jobs) -> web.Application:
    """Makes the server of the api tier."""
    app, tier = build(process), ApiTier(process, ledger, jobs)
    app.cleanup_ctx.append(tier.queueing)
    app.router.add_get("/catalogue", tier.catalogue)
    app.router.add_post("/orders", tier.order)
    app.router.add_get("/orders/{id}", tier.find)
    return app


class ApiTier:
    """The routes of the api tier."""

    def __init__(self, process: Process, ledger: Ledger, jobs: Jobs) -> None:
        self._process, self._ledger, self._jobs = process, ledger, jobs
        self._queued: set[asyncio.Task[None]] = set()

    async def queueing(self, _app: web.Application) -> AsyncIterator[None]:
        """Waits at the end for the jobs that are still on their way to the queue."""
        yield
        await asyncio.gather(*self._queued)

    async def catalogue(self, _request: web.Request) -> web.Response:
        """Shows what is for sale."""
        return web.json_response({"items": CATALOGUE})

    async def order(self, request: web.Request) -> web.Response:
        """Accepts an order: 201 means that it is committed."""
        order, onward = Order.parse(await read_json(request)), request[HOP].headers
        with self._process.step("INSERT orders", "client", onward) as hop:
            hop.note("db.system", "postgresql")
            status = await self._ledger.add(order)
        if status == "accepted":
            task = asyncio.create_task(self._queue(Job(order.id, onward)))
            self._queued.add(task)
            task.add_done_callback(self._queued.discard)
        return web.json_response({**order.body(), "status": status}, status=201)

    async def find(self, request: web.Request) -> web.Response:
        """Shows an order."""
        order_id = parse_id(request.match_info["id"])
        with self._process.step("SELECT orders", "client", request[HOP].headers) as hop:
            hop.note("db.system", "postgresql")
            found = await self._ledger.find(order_id)
        if found is None:
            raise web.HTTPNotFound(reason=f"there is no order {order_id}")
        return web.json_response(found)

    async def _queue(self, job: Job) -> None:
        with self._process.step("publish job", "producer", job.trace) as hop:
            try:
                await self._jobs.put(Job(job.order, hop.headers))
            except Unavailable as error:
                LOG.warning("order %s waits for the sweep: %s", job.order, error)
