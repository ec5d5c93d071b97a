"""The app tier: what the public sees. It keeps nothing; every answer but its front page comes from the api tier.

/browse needs app and api, but no database: the catalogue is in the api's memory. So an experiment on the mesh between
the two tiers never depends on how PostgreSQL or Redis are doing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web

from .orders import Order, parse_id
from .serving import HOP, Process, build, read_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

API_S = 14.0  # just below the route's own time-out, so that the app answers before its caller's proxy gives up
CONNECTIONS_MAX = 100


def make(process: Process) -> web.Application:
    """Makes the server of the app tier."""
    app, tier = build(process), AppTier(process)
    app.cleanup_ctx.append(tier.session)
    app.router.add_get("/", tier.home)
    app.router.add_get("/browse", tier.browse)
    app.router.add_post("/orders", tier.order)
    app.router.add_get("/orders/{id}", tier.find)
    return app


class AppTier:
    """The routes of the app tier."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._api: ClientSession

    async def session(self, _app: web.Application) -> AsyncIterator[None]:
        """Keeps connections to the api tier for as long as the server runs."""
        timeout, connector = ClientTimeout(total=API_S, connect=2.0), TCPConnector(limit=CONNECTIONS_MAX)
        async with ClientSession(self._process.settings.api_url, timeout=timeout, connector=connector) as self._api:
            yield

    async def home(self, _request: web.Request) -> web.Response:
        """Answers by itself: the front page of one replica."""
        settings = self._process.settings
        return web.json_response(
            {"shop": "resilience", "tier": "app", "version": settings.version, "pod": settings.pod}
        )

    async def browse(self, request: web.Request) -> web.Response:
        """Shows the catalogue."""
        return await self._ask(request, "GET", "/catalogue")

    async def order(self, request: web.Request) -> web.Response:
        """Places an order; the id is settled here, so that a retry on the way to the api makes no second order."""
        return await self._ask(request, "POST", "/orders", Order.parse(await read_json(request)))

    async def find(self, request: web.Request) -> web.Response:
        """Shows an order."""
        return await self._ask(request, "GET", f"/orders/{parse_id(request.match_info['id'])}")

    async def _ask(self, request: web.Request, method: str, path: str, order: Order | None = None) -> web.Response:
        """Asks the api tier and hands its answer on; 502 when there is none, 504 when it takes too long."""
        with self._process.step(f"{method} api", "client", request[HOP].headers) as hop:
            body = order.body() if order else None
            try:
                async with self._api.request(method, path, json=body, headers=hop.headers) as answer:
                    data = await answer.read()
                    hop.note("http.response.status_code", answer.status)
            except TimeoutError:
                return web.json_response({"error": f"the api did not answer within {API_S:g} s"}, status=504)
            except ClientError as error:
                return web.json_response({"error": f"the api cannot be reached: {error}"}, status=502)
        headers = {name: answer.headers[name] for name in ("retry-after",) if name in answer.headers}
        headers["x-api-served-by"] = answer.headers.get("x-served-by", "")
        return web.Response(status=answer.status, body=data, content_type=answer.content_type, headers=headers)
