"""The job queue in Redis, found through Sentinel.

A job moves atomically from the queue to the list of the worker that takes it, so it is never only in a worker's memory.
A worker that stops beating is dead, and the others give its jobs back. What Redis itself loses in a failover (it
replicates asynchronously) is found again in PostgreSQL by the worker's sweep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .orders import Job, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from .settings import Settings

QUEUE = "shop:jobs"
WORKERS = "shop:workers"
BEAT_S = 30  # a worker is dead when it has not said anything for so long
ANSWER_S = 5.0  # longer than any blocking take
T = TypeVar("T")


def _taken(worker: str) -> str:
    return f"shop:taken:{worker}"


def _alive(worker: str) -> str:
    return f"shop:alive:{worker}"


class RedisJobs:
    """The queue as one pod sees it."""

    def __init__(self, settings: Settings) -> None:
        from redis.asyncio.sentinel import Sentinel

        self._pod = settings.pod
        asking = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0, "password": settings.sentinel_password or None}
        sentinel = Sentinel([settings.sentinel], sentinel_kwargs=asking)
        self._redis: Any = sentinel.master_for(
            settings.redis_master,
            password=settings.redis_password or None,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=1.0,
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()

    async def put(self, job: Job) -> None:
        """Adds a job."""
        await _asked(self._redis.lpush(QUEUE, job.encode()))

    async def take(self, wait_s: float) -> Job | None:
        """Moves the oldest job to this worker's list, waiting for one so long."""
        raw = await _asked(self._redis.blmove(QUEUE, _taken(self._pod), wait_s, src="RIGHT", dest="LEFT"))
        return Job.decode(raw) if raw else None

    async def done(self, job: Job) -> None:
        """Forgets a taken job."""
        await _asked(self._redis.lrem(_taken(self._pod), 1, job.encode()))

    async def give_back(self, job: Job) -> None:
        """Moves a taken job back to the queue, to its young end: one bad job must not block the others."""
        async with self._redis.pipeline(transaction=True) as both:
            both.lrem(_taken(self._pod), 1, job.encode())
            both.lpush(QUEUE, job.encode())
            await _asked(both.execute())

    async def beat(self) -> None:
        """Says that this worker is alive."""
        async with self._redis.pipeline(transaction=True) as both:
            both.sadd(WORKERS, self._pod)
            both.set(_alive(self._pod), 1, ex=BEAT_S)
            await _asked(both.execute())

    async def adopt(self) -> int:
        """Gives back what dead workers had taken; returns how many jobs."""
        jobs = 0
        for name in await _asked(self._redis.smembers(WORKERS)):
            worker = name.decode()
            if not await _asked(self._redis.exists(_alive(worker))):
                jobs += await self._release(worker)
        return jobs

    async def leave(self) -> None:
        """Gives back what this worker had taken and forgets the worker."""
        await self._release(self._pod)
        await _asked(self._redis.delete(_alive(self._pod)))

    async def _release(self, worker: str) -> int:
        jobs = 0
        while await _asked(self._redis.lmove(_taken(worker), QUEUE, "RIGHT", "RIGHT")):
            jobs += 1
        await _asked(self._redis.srem(WORKERS, worker))
        return jobs


async def _asked(answer: Awaitable[T]) -> T:  # noqa: UP047 - the image runs Python 3.11
    from redis.exceptions import RedisError

    try:
        return await answer
    except (RedisError, OSError, TimeoutError) as error:
        # Not the error's own text: it spells out the connection, password and all, and this one goes to the log.
        raise Unavailable(f"Redis does not answer ({type(error).__name__})") from None
