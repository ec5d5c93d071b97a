"""One server behind two ports: through its proxy and past it, so that what the proxies add can be told.

argv: the two ports. Any path is answered at once; `/count` tells how often each port was asked, and how often by
somebody whose certificate the proxy in front has seen. Nothing but aiohttp, which is in the callers' image.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

from aiohttp import web

CERTIFICATE = "x-forwarded-client-cert"  # added by the proxy that ended mutual TLS


def make(counts: Counter[str]) -> web.Application:
    """Makes the server."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/count":
            return web.json_response(counts)
        sock = request.get_extra_info("sockname")
        counts[f"{sock[1]} asked"] += 1
        counts[f"{sock[1]} certified"] += CERTIFICATE in request.headers
        return web.Response(text="ok\n")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    return app


async def serve(ports: list[int]) -> None:
    """Serves for ever."""
    runner = web.AppRunner(make(Counter()), access_log=None, keepalive_timeout=3700)
    await runner.setup()
    for port in ports:
        await web.TCPSite(runner, port=port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve([int(word) for word in sys.argv[1:]]))
