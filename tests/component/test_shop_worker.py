"""The worker: every order is fulfilled once, whatever happens to workers, queue and database on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from deploy.workloads.shop import worker as shop_worker
from deploy.workloads.shop.faults import Fault
from deploy.workloads.shop.orders import Job, Order
from deploy.workloads.shop.worker import Worker

from .shop_in_process import Answers, MemoryJobs, MemoryLedger, process, run


async def _until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 - the lists under test have no event to wait for; `run` bounds the story
        await asyncio.sleep(0.01)


ORDER = Order("0e7a4d0e-0000-4000-8000-000000000001", "tea", 1)


class Bench:
    """One worker, with one order accepted and its job taken."""

    def __init__(self) -> None:
        self.process, self.ledger, self.jobs = process("worker"), MemoryLedger(), MemoryJobs()
        self.worker = Worker(self.process, self.ledger, self.jobs)
        self.job = Job(ORDER.id, {"traceparent": "00-1-2-01"})

    async def take(self) -> Job:
        await self.ledger.add(ORDER)
        await self.jobs.put(self.job)
        taken = await self.jobs.take(0)
        assert taken is not None
        return taken

    @property
    def status(self) -> object:
        return self.ledger.orders[ORDER.id]["status"]


def test_a_job_survives_its_way_through_the_queue() -> None:
    job = Job("1", {"b": "2", "a": "1"})
    assert Job.decode(job.encode()) == job
    assert job.encode() == Job("1", {"a": "1", "b": "2"}).encode()


def test_a_job_is_forgotten_only_when_its_order_is_done() -> None:
    async def story() -> None:
        bench = Bench()
        assert await bench.worker.handle(await bench.take()) == "done"
        assert (bench.status, bench.jobs.taken, bench.jobs.waiting) == ("done", [], [])

    run(story())


def test_a_job_done_twice_changes_nothing() -> None:
    async def story() -> None:
        bench = Bench()
        await bench.worker.handle(await bench.take())
        assert await bench.worker.handle(await bench.take()) == "repeated"
        assert (bench.status, bench.jobs.taken) == ("done", [])

    run(story())


def test_a_job_goes_back_when_the_database_is_away() -> None:
    async def story() -> None:
        bench = Bench()
        job = await bench.take()
        bench.ledger.is_down = True
        assert await bench.worker.handle(job) == "failed"
        assert (bench.jobs.taken, bench.jobs.waiting) == ([], [job])

    run(story())


def test_a_status_fault_fails_jobs_and_the_sweep_does_not_help_them() -> None:
    async def story() -> None:
        bench = Bench()
        bench.process.switch.set(Fault("status", 500, for_s=60))
        assert await bench.worker.handle(await bench.take()) == "failed"
        assert await bench.worker.sweep() == 0
        assert bench.status == "accepted"
        assert bench.process.switch.state()["faulted_total"] == 1
        assert bench.process.meter.jobs == ["failed"] if isinstance(bench.process.meter, Answers) else False

    run(story())


def test_an_order_whose_job_was_lost_is_found_by_the_sweep() -> None:
    async def story() -> None:
        bench = Bench()
        await bench.ledger.add(ORDER)
        assert await bench.worker.sweep() == 1
        assert bench.status == "done"

    run(story())


def test_a_held_job_is_given_back_when_the_worker_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_worker, "TAKE_S", 0.1)

    async def story() -> None:
        bench = Bench()
        bench.process.switch.set(Fault("hang", 0, for_s=60))
        await bench.ledger.add(ORDER)
        await bench.jobs.put(bench.job)
        running = bench.worker.running(None)  # type: ignore[arg-type]
        await anext(running)
        await _until(lambda: bench.jobs.taken)
        await anext(running, None)
        assert (bench.jobs.taken, bench.jobs.waiting) == ([], [bench.job])
        assert bench.status == "accepted"

    run(story())


def test_a_worker_works_until_it_is_stopped() -> None:
    async def story() -> None:
        bench = Bench()
        running = bench.worker.running(None)  # type: ignore[arg-type]
        await anext(running)
        await bench.ledger.add(ORDER)
        await bench.jobs.put(bench.job)
        await _until(lambda: bench.status == "done" and not bench.jobs.taken)
        await anext(running, None)

    run(story())


def test_an_error_that_nobody_foresaw_costs_a_turn_and_not_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_worker, "RETRY_S", 0.01)

    async def story() -> None:
        bench = Bench()
        finish, tries = bench.ledger.finish, []

        async def first_fails(order_id: str) -> bool:
            tries.append(order_id)
            if len(tries) == 1:  # the job was taken and is in nobody's hands now
                raise RuntimeError("got result for unknown protocol state 3")
            return await finish(order_id)

        monkeypatch.setattr(bench.ledger, "finish", first_fails)
        running = bench.worker.running(None)  # type: ignore[arg-type]
        await anext(running)
        await bench.ledger.add(ORDER)
        await bench.jobs.put(bench.job)
        await _until(lambda: bench.status == "done")
        await anext(running, None)

    run(story())


@pytest.mark.parametrize("over_s", [0.0, 0.1])
def test_a_loop_that_does_not_come_round_makes_the_liveness_probe_fail(over_s: float) -> None:
    now = [100.0]

    async def story() -> None:
        bench = Bench()
        worker = Worker(bench.process, bench.ledger, bench.jobs, lambda: now[0])
        assert not bench.process.is_stuck()  # nothing has begun
        taking = asyncio.Event()

        async def never(_wait_s: float) -> Job | None:
            taking.set()
            await asyncio.Event().wait()
            return None

        bench.jobs.take = never  # type: ignore[assignment, method-assign]
        running = worker.running(None)  # type: ignore[arg-type]
        await anext(running)
        await taking.wait()
        now[0] += shop_worker.STUCK_S + over_s
        assert bench.process.is_stuck() is (over_s > 0)
        bench.process.switch.set(Fault("hang", 0, for_s=60))
        assert not bench.process.is_stuck()  # it was asked to hold
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    run(story())
