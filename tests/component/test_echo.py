"""The server behind two ports: what it counts is which port was asked, and by whose certificate."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from deploy.workloads.echo import echo


def test_it_counts_by_port_and_certificate() -> None:
    async def ask() -> tuple[int, int, Any]:
        counts: Counter[str] = Counter()
        async with (
            TestServer(echo.make(counts)) as one,
            TestServer(echo.make(counts)) as two,
            ClientSession() as session,
        ):
            for url, headers in (
                (one.make_url("/"), {}),
                (two.make_url("/x"), {echo.CERTIFICATE: "By=spiffe://a"}),
                (two.make_url("/"), {}),
            ):
                async with session.get(url, headers=headers) as answer:
                    assert await answer.text() == "ok\n"
            async with session.get(one.make_url("/count")) as answer:
                return int(one.port or 0), int(two.port or 0), await answer.json()

    one, two, told = asyncio.run(ask())
    assert told == {f"{one} asked": 1, f"{one} certified": 0, f"{two} asked": 2, f"{two} certified": 1}
