"""The shop's tiers over real HTTP on loopback: orders, trace headers, faults, probes and draining."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import time
import uuid

import pytest
from aiohttp import ClientSession

from deploy.workloads.shop import app, serving, switchboard
from deploy.workloads.shop.faults import Fault
from deploy.workloads.shop.orders import Order, Refused
from deploy.workloads.shop.tracing import FORWARDED, forwarded

from .shop_in_process import BOUND_S, Answers, Shop, process, run, served, shop, until

TRACE = {name: f"value-of-{name}" for name in FORWARDED}


def test_browse_needs_neither_database_nor_queue() -> None:
    async def story() -> None:
        async with shop() as s:
            s.ledger.is_down = s.jobs.is_down = True
            async with s.session.get(f"{s.url}/browse") as answer:
                assert answer.status == 200
                assert {offer["item"] for offer in (await answer.json())["items"]} == {"tea", "coffee", "cup"}
                assert answer.headers["x-served-by"] == "app-0"
                assert answer.headers["x-api-served-by"] == "api-0"

    run(story())


def test_the_front_page_names_the_replica_and_its_version() -> None:
    async def story() -> None:
        async with shop() as s, s.session.get(f"{s.url}/") as answer:
            assert (await answer.json())["version"] == answer.headers["x-version"] == "v1"

    run(story())


def test_an_order_is_acknowledged_after_its_commit_and_its_job_carries_the_trace() -> None:
    async def story() -> None:
        async with shop() as s:
            status, order = await _place(s, {"item": "tea", "quantity": 2}, TRACE)
            assert (status, order["status"]) == (201, "accepted")
            assert s.ledger.orders[order["id"]]["quantity"] == 2
            async with s.session.get(f"{s.url}/orders/{order['id']}") as answer:
                assert (await answer.json())["id"] == order["id"]
            await until(lambda: s.jobs.waiting)
            assert [(job.order, job.trace) for job in s.jobs.waiting] == [(order["id"], TRACE)]

    run(story())


def test_an_order_sent_twice_is_one_order() -> None:
    async def story() -> None:
        async with shop() as s:
            name = str(uuid.uuid4())
            assert [(await _place(s, {"item": "cup", "id": name}))[0] for _ in range(2)] == [201, 201]
            assert list(s.ledger.orders) == [name]

    run(story())


def test_without_its_database_an_order_is_refused_and_nothing_is_acknowledged() -> None:
    async def story() -> None:
        async with shop() as s:
            s.ledger.is_down = True
            async with s.session.post(f"{s.url}/orders", json={"item": "tea"}) as answer:
                assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert not s.jobs.waiting
            async with s.session.get(f"{s.url}/readyz") as answer:
                assert answer.status == 200

    run(story())


def test_without_its_queue_an_order_is_still_committed() -> None:
    async def story() -> None:
        async with shop() as s:
            s.jobs.is_down = True
            status, order = await _place(s, {"item": "tea"})
            assert status == 201
            assert s.ledger.orders[order["id"]]["status"] == "accepted"

    run(story())


@pytest.mark.parametrize(
    ("body", "fix"),
    [
        (None, "JSON object"),
        ({"item": "car"}, "coffee, cup, tea"),
        ({"item": ["tea"]}, "coffee, cup, tea"),
        ({"item": "tea", "quantity": 0}, "1 to 100"),
        ({"item": "tea", "quantity": 101}, "1 to 100"),
        ({"item": "tea", "quantity": True}, "1 to 100"),
        ({"item": "tea", "id": "7"}, "UUID"),
    ],
)
def test_a_bad_order_is_refused_with_the_fix_in_the_text(body: object, fix: str) -> None:
    with pytest.raises(Refused) as refused:
        Order.parse(body)
    assert fix in str(refused.value)


def test_bad_input_over_http_is_the_callers_fault() -> None:
    async def story() -> None:
        async with shop() as s:
            for path, data in (("/orders", b"{"), ("/orders", b'{"item": "car"}')):
                async with s.session.post(s.url + path, data=data) as answer:
                    assert answer.status == 400
            for path, status in (("/orders/7", 400), (f"/orders/{uuid.uuid4()}", 404), ("/nowhere", 404)):
                async with s.session.get(s.url + path) as answer:
                    assert (path, answer.status) == (path, status)

    run(story())


def test_an_api_that_is_gone_is_a_502() -> None:
    async def story() -> None:
        async with (
            served(app.make(process("app", api_url="http://127.0.0.1:1"))) as url,
            ClientSession() as session,
            session.get(f"{url}/browse") as answer,
        ):
            assert answer.status == 502

    run(story())


def test_only_trace_headers_are_forwarded_whatever_their_case() -> None:
    given = {
        "X-Request-Id": "1",
        "TraceParent": "2",
        "X-B3-TraceId": "3",
        "authorization": "secret",
        "cookie": "secret",
    }
    assert forwarded(given) == {"x-request-id": "1", "traceparent": "2", "x-b3-traceid": "3"}


def test_a_status_fault_answers_business_routes_only_and_counts_them() -> None:
    async def story() -> None:
        async with shop() as s:
            s.app.switch.set(Fault("status", 503, for_s=60))
            statuses = [await _status(s, path) for path in ("/", "/browse", "/healthz", "/readyz")]
            assert statuses == [503, 503, 200, 200]
            assert s.app.switch.state()["faulted_total"] == 2
            assert isinstance(s.app.meter, Answers)
            assert s.app.meter.requests == [("GET", "/", 503), ("GET", "/browse", 503)]
            s.app.switch.clear()
            assert await _status(s, "/") == 200

    run(story())


def test_a_delay_holds_each_answer_for_its_time() -> None:
    async def story() -> None:
        async with shop() as s:
            s.api.switch.set(Fault("delay", 0.2, for_s=60))
            begin = time.monotonic()
            assert await _status(s, "/browse") == 200
            assert time.monotonic() - begin >= 0.2

    run(story())


def test_a_hang_lasts_until_it_is_taken_back_over_the_switch_which_answers_meanwhile() -> None:
    async def story() -> None:
        async with shop() as s:
            board = switchboard.start(s.app.switch, "127.0.0.1", 0)
            s.app.switch.set(Fault("hang", 0, for_s=60))
            hung = asyncio.create_task(_status(s, "/"))
            await until(lambda: s.app.switch.state()["faulted_total"])
            assert not hung.done()
            assert await _status(s, "/healthz") == 200
            state = await asyncio.to_thread(_heal, board.server_address[1])
            assert (state["active"], state["faulted_total"]) == (None, 1)
            assert await hung == 200
            board.shutdown()
            board.server_close()

    run(story())


def test_a_hang_ends_by_itself_and_holds_probes_only_when_told() -> None:
    async def story() -> None:
        async with shop() as s:
            begin = time.monotonic()
            s.app.switch.set(Fault("hang", 0, for_s=0.3, probes=True))
            assert await _status(s, "/healthz") == 200
            assert time.monotonic() - begin >= 0.3

    run(story())


def test_a_pod_told_to_be_unready_still_serves() -> None:
    async def story() -> None:
        async with shop() as s:
            s.app.switch.set(Fault("unready", 0, for_s=60))
            assert [await _status(s, path) for path in ("/readyz", "/healthz", "/browse")] == [503, 200, 200]

    run(story())


def test_draining_fails_readiness_first_and_still_answers_closing_each_connection() -> None:
    async def story() -> None:
        async with shop() as s:
            s.app.draining = True
            assert [await _status(s, path) for path in ("/readyz", "/healthz")] == [503, 200]
            async with s.session.get(f"{s.url}/browse") as answer:
                assert (answer.status, answer.headers["connection"]) == (200, "close")

    run(story())


def test_sigterm_drains_and_ends_the_server() -> None:
    async def story() -> None:
        before = signal.getsignal(signal.SIGTERM)
        told = process("app", port=_free_port(), drain_s=0.3, api_url="http://127.0.0.1:1")
        serving_it = asyncio.create_task(serving.serve(told, app.make(told)))
        await until(lambda: signal.getsignal(signal.SIGTERM) is not before)  # else it would end pytest
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: told.draining)
        assert not serving_it.done()
        await serving_it

    run(story())


def test_an_answer_leaves_in_one_segment() -> None:
    async def story() -> None:
        async with shop() as s:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(s.url.rsplit(":", 1)[1]))
            for _ in range(5):
                writer.write(b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n")
                first = await reader.read(65536)
                head, _, body = first.partition(b"\r\n\r\n")
                assert b"200 OK" in head
                assert json.loads(body)["tier"] == "app"
            writer.close()

    run(story())


def _heal(port: int) -> dict[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=BOUND_S)
    connection.request("DELETE", "/fault")
    state: dict[str, object] = json.loads(connection.getresponse().read())
    connection.close()
    return state


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def _status(s: Shop, path: str) -> int:
    async with s.session.get(s.url + path) as answer:
        return answer.status


async def _place(s: Shop, body: dict[str, object], headers: dict[str, str] | None = None) -> tuple[int, dict[str, str]]:
    async with s.session.post(f"{s.url}/orders", json=body, headers=headers) as answer:
        return answer.status, await answer.json()
