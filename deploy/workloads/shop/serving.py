"""The business port: routes, probes, faults, and a way out that loses no request.

Readiness says only that *this process* can serve. It does not ask the database: a failover there would make all pods of
a tier unready at once, and empty endpoints turn a slow answer for some into no answer for all. Callers of a route that
needs the database get 503 with Retry-After instead.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from .orders import Refused, Unavailable
from .tracing import Hop, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.typedefs import Handler, Middleware

    from .faults import Active, FaultSwitch
    from .metrics import Meter
    from .settings import Settings

LOG = logging.getLogger(__name__)
HOP = web.RequestKey("hop", Hop)
BODY_BYTES_MAX = 16_384
KEEPALIVE_S = 3700.0  # longer than Envoy's hour, so the server never closes a connection the proxy is about to use
SHUTDOWN_S = 5.0


@dataclass(slots=True)
class Process:
    """What every route of one process shares."""

    settings: Settings
    switch: FaultSwitch
    step: Step
    meter: Meter
    draining: bool = False
    is_stuck: Callable[[], bool] = lambda: False


def build(process: Process) -> web.Application:
    """Makes the server of a tier, with its probes; the tier adds its routes."""
    app = web.Application(middlewares=[_business(process)], client_max_size=BODY_BYTES_MAX)
    app.router.add_get("/healthz", _probe(process, readiness=False))
    app.router.add_get("/readyz", _probe(process, readiness=True))
    return app


async def serve(process: Process, app: web.Application) -> None:
    """Serves until SIGTERM, then drains: unready first, still answering, each answer closing its connection."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=KEEPALIVE_S, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    await web.TCPSite(runner, port=process.settings.port).start()
    LOG.info("%s %s serves on %d", process.settings.tier, process.settings.version, process.settings.port)
    await stop.wait()
    process.draining = True
    await asyncio.sleep(process.settings.drain_s)
    await runner.cleanup()


def _probe(process: Process, *, readiness: bool) -> Handler:
    async def probe(_request: web.Request) -> web.Response:
        suffered = process.switch.take_probe(readiness=readiness)
        if suffered and suffered.fault.kind == "hang":
            await process.switch.outlast(suffered)
        if readiness and process.draining:
            return web.Response(status=503, text="draining\n")
        if suffered and suffered.fault.kind == "unready":
            return web.Response(status=503, text="told to be unready\n")
        if not readiness and process.is_stuck():
            return web.Response(status=503, text="what runs beside the server has not come round for long\n")
        return web.Response(text="ok\n")

    return probe


def _business(process: Process) -> Middleware:
    served_by = {"x-served-by": process.settings.pod, "x-version": process.settings.version}

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "unknown"
        if route in ("/healthz", "/readyz"):
            return await handler(request)
        begin = time.perf_counter()
        with process.step(f"{request.method} {route}", "server", request.headers) as hop:
            request[HOP] = hop
            suffered = process.switch.take()
            broken = await _suffer(process.switch, suffered) if suffered else None
            response = broken or await _answer(request, handler)
            hop.note("http.response.status_code", response.status)
        response.headers.update(served_by)
        if process.draining:
            response.force_close()
        process.meter.request(request.method, route, response.status, time.perf_counter() - begin)
        return response

    return middleware


async def _suffer(switch: FaultSwitch, active: Active) -> web.StreamResponse | None:
    """Does to a request what the fault says; None when it may go on afterwards."""
    if active.fault.kind == "status":
        return _error(int(active.fault.value), "the fault switch answers")
    if active.fault.kind == "delay":
        await switch.outlast(active, active.fault.value)
    else:
        await switch.outlast(active)
    return None


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Runs a handler and turns what it raises into an answer."""
    try:
        return await handler(request)
    except Refused as refused:
        return _error(400, str(refused))
    except Unavailable as unavailable:
        response = _error(503, str(unavailable))
        response.headers["retry-after"] = "1"
        return response
    except web.HTTPException as http:
        return _error(http.status, http.reason)
    except Exception:
        LOG.exception("%s %s", request.method, request.path)
        return _error(500, "an error that nobody foresaw: see the log")


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)


async def read_json(request: web.Request) -> object:
    """Reads a request's body; Refused when it is not JSON."""
    try:
        return await request.json()
    except ValueError as error:
        raise Refused(f"the body is not JSON: {error}") from error
