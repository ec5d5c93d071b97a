"""`python -m shop app|api|worker`: puts one process of the shop together and serves until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

from . import metrics, serving, switchboard, tracing
from .faults import FaultSwitch
from .settings import Settings

if TYPE_CHECKING:
    from aiohttp import web

# 20 api and 20 worker replicas at most: 80 connections, below PostgreSQL's 100.
CONNECTIONS_MAX = {"api": 3, "worker": 1}


async def run(settings: Settings) -> None:
    """Runs one process to its end."""
    switch = FaultSwitch(settings.pod)
    board = switchboard.start(switch, "", settings.fault_port)
    meter = metrics.Prometheus(settings.tier, settings.version)
    meter.serve(settings.metrics_port)
    process = serving.Process(settings, switch, tracing.from_environment(settings.tier), meter)
    try:
        await serving.serve(process, await tier(process))
    finally:
        board.shutdown()


async def tier(process: serving.Process) -> web.Application:
    """Makes the server of the process' tier; only what a tier uses is imported."""
    if process.settings.tier == "app":
        from . import app

        return app.make(process)
    from . import api, worker
    from .postgres import PostgresLedger
    from .redis_jobs import RedisJobs

    ledger, jobs = PostgresLedger(CONNECTIONS_MAX[process.settings.tier]), RedisJobs(process.settings)
    await ledger.open()
    make = api.make if process.settings.tier == "api" else worker.make
    server = make(process, ledger, jobs)

    async def close(_app: web.Application) -> None:
        await jobs.close()
        await ledger.close()

    server.on_cleanup.append(close)
    return server


def main() -> None:
    """Reads the tier from the command line, everything else from the environment."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = Settings.read(sys.argv[1] if len(sys.argv) > 1 else "")
    except ValueError as error:
        sys.exit(f"shop: {error}")
    asyncio.run(run(settings))


if __name__ == "__main__":
    main()
