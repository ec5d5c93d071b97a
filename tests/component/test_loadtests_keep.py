"""Callers that write, and keep what they were told: the ledger outside the cluster."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from loadtests import open_loop, samples
from tests.component.test_loadtests_open_loop import make


def told(answer: bytes, tmp_path: Path, **load: Any) -> tuple[list[str], list[samples.Sample]]:
    """Sends a few requests to a server that always answers so; returns what it was sent, and the samples."""
    sent: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
        sent.append(head + (await reader.readexactly(length)).decode())
        writer.write(b"HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(answer) + answer)
        await writer.drain()
        writer.close()

    async def scenario() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/orders"
            await open_loop.send(make(url, 20, 0.1, method="POST", timeout_s=60.0, **load), tmp_path / "s")

    asyncio.run(scenario())
    return sent, list(samples.read(tmp_path / "s").samples)


def test_a_body_is_sent_as_json_and_a_field_of_the_answer_is_kept(tmp_path: Path) -> None:
    sent, seen = told(b'{"id": "abc", "status": "accepted"}', tmp_path, body='{"item": "tea"}', keep="id")
    assert all(text.startswith("post /orders") and text.endswith('{"item": "tea"}') for text in sent)
    assert all("content-type: application/json" in text for text in sent)
    assert [(sample.status, sample.answer) for sample in seen] == [(201, "abc")] * 2


@pytest.mark.parametrize("answer", [b"{}", b"[]", b"not json", b"", b'{"id": null}'])
def test_an_answer_without_the_field_leaves_nothing_to_keep(tmp_path: Path, answer: bytes) -> None:
    _, seen = told(answer, tmp_path, keep="id")
    assert [(sample.status, sample.answer) for sample in seen] == [(201, None)] * 2


def test_who_keeps_nothing_writes_samples_as_before(tmp_path: Path) -> None:
    told(b'{"id": "abc"}', tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "s").read_text().splitlines()]
    assert all("answer" not in line for line in lines)
