"""One order is one trace: each step of it hangs below the step that caused it, through the queue as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from deploy.workloads.shop.tracing import Hop, Step, forwarded
from deploy.workloads.shop.worker import Worker

from .shop_in_process import process, run, shop, until


class Trace:
    """Steps that note (parent, name, kind), and their attributes by name."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, str, str]] = []
        self.notes: dict[str, dict[str, str | int]] = {}

    def of(self, tier: str) -> Step:
        @contextmanager
        def step(name: str, kind: str, headers: Mapping[str, str]) -> Iterator[Hop]:
            here = f"{tier}: {name}"
            self.steps.append((forwarded(headers)["traceparent"], here, kind))
            notes = self.notes.setdefault(here, {})
            yield Hop({**forwarded(headers), "traceparent": here}, notes.__setitem__)

        return step


def test_an_order_is_one_chain_from_the_way_in_to_the_database_and_the_worker() -> None:
    trace = Trace()

    async def story() -> None:
        async with shop() as s:
            s.app.step, s.api.step = trace.of("app"), trace.of("api")
            headers = {"traceparent": "gateway"}
            async with s.session.post(f"{s.url}/orders", json={"item": "tea"}, headers=headers) as answer:
                assert answer.status == 201
            await until(lambda: s.jobs.waiting)
            working = process("worker")
            working.step = trace.of("worker")
            assert await Worker(working, s.ledger, s.jobs).handle(await s.jobs.take(0) or s.jobs.taken[0]) == "done"

    run(story())
    assert trace.steps == [
        ("gateway", "app: POST /orders", "server"),
        ("app: POST /orders", "app: POST api", "client"),
        ("app: POST api", "api: POST /orders", "server"),
        ("api: POST /orders", "api: INSERT orders", "client"),
        ("api: POST /orders", "api: publish job", "producer"),
        ("api: publish job", "worker: process job", "consumer"),
        ("worker: process job", "worker: UPDATE orders", "client"),
    ]
    calls = [name for name, notes in trace.notes.items() if notes.get("db.system") == "postgresql"]
    assert calls == ["api: INSERT orders", "worker: UPDATE orders"]
