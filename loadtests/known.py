"""A server of known latency, on which the callers themselves are measured.

argv: seconds from a whole request to its answer. Prints its port, ends with standard input. Answers as the shop does.
`/stall?2` answers nothing for the next two seconds, and then all that has come meanwhile. `/truth` tells how long each
request since the last time was really held (seconds, by its own clock): timers are late, and that is no caller's error.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time

NOT_COUNTED = ("/truth", "/stall")


class Server:
    """Holds each request for the same time."""

    def __init__(self, latency_s: float) -> None:
        self.latency_s, self.resumes = latency_s, 0.0
        self.held_s: list[float] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one connection's requests, one after the other."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
                await reader.readexactly(int(fields.get(b"content-length", 0)))
                came = time.monotonic()
                method, path = head.split(b" ", 2)[:2]
                status, body = await self._answer(came, method.decode(), path.decode())
                told = f"content-type: application/json\r\ncontent-length: {len(body)}"
                writer.write(f"HTTP/1.1 {status} x\r\n{told}\r\n\r\n".encode() + body)
                if not path.decode().startswith(NOT_COUNTED):
                    self.held_s.append(time.monotonic() - came)
                await writer.drain()

    async def _answer(self, came: float, method: str, path: str) -> tuple[int, bytes]:
        if path.startswith("/stall?"):
            self.resumes = came + float(path.partition("?")[2])
            return 200, b"{}"
        if path == "/truth":
            told, self.held_s = self.held_s, []
            return 200, json.dumps(told).encode()
        await asyncio.sleep(max(came + self.latency_s, self.resumes) - time.monotonic())
        return (201, b'{"id": 7}') if method == "POST" else (200, b"{}")


async def serve(latency_s: float) -> None:
    """Serves until standard input ends."""
    server = await asyncio.start_server(Server(latency_s).connected, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
