"""Orders in PostgreSQL. The driver reads PGHOST, PGPORT, PGDATABASE, PGUSER and PGPASSWORD."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from .orders import Order, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LOG = logging.getLogger(__name__)
CONNECT_S = 3.0
COMMAND_S = 5.0
WHOLE_S = 15.0  # the driver's own time-outs do not cover the return of a connection to the pool
SCHEMA_LOCK = 7_306_001  # any number: two pods must not create the table at the same moment
SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    id         uuid PRIMARY KEY,
    item       text,
    quantity   int,
    status     text,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz
);
CREATE INDEX IF NOT EXISTS orders_open ON orders (created_at) WHERE status = 'accepted';
"""  # the table as deploy/data/postgres/shop.sql makes it, for a database that was not made there
T = TypeVar("T")


class PostgresLedger:
    """Keeps a few connections to whoever is primary.

    A connection to a server that turned into a replica is refused by its first write; then all are made anew.
    """

    def __init__(self, connections_max: int) -> None:
        self._connections_max = connections_max
        self._pool: Any = None
        self._has_schema = False

    async def open(self) -> None:
        """Prepares the pool; makes no connection yet, so a missing database does not stop a pod from starting."""
        import asyncpg  # type: ignore[import-not-found, unused-ignore]

        self._pool = asyncpg.create_pool(
            min_size=0,
            max_size=self._connections_max,
            timeout=CONNECT_S,
            command_timeout=COMMAND_S,
            target_session_attrs="read-write",
            max_inactive_connection_lifetime=60,
        )
        await self._pool

    async def close(self) -> None:
        """Lets go of every connection at once: nothing is under way any more."""
        self._pool.terminate()

    async def add(self, order: Order) -> str:
        """Commits an order and returns its status."""
        sql = """INSERT INTO orders (id, item, quantity, status) VALUES ($1, $2, $3, 'accepted')
                 ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING status"""
        return str(await self._with(lambda c: c.fetchval(sql, order.id, order.item, order.quantity)))

    async def find(self, order_id: str) -> dict[str, object] | None:
        """Returns an order as JSON carries it, or None."""
        sql = "SELECT id, item, quantity, status, created_at, updated_at FROM orders WHERE id = $1"
        row = await self._with(lambda c: c.fetchrow(sql, order_id))
        return {name: _plain(value) for name, value in row.items()} if row else None

    async def finish(self, order_id: str) -> bool:
        """Marks an order done; False when it was done before or is not known."""
        sql = """UPDATE orders SET status = 'done', updated_at = clock_timestamp()
                 WHERE id = $1 AND status = 'accepted' RETURNING true"""
        return bool(await self._with(lambda c: c.fetchval(sql, order_id)))

    async def overdue(self, age_s: float, at_most: int) -> list[str]:
        """Returns ids of orders accepted longer ago than this and not done, oldest first."""
        sql = """SELECT id FROM orders WHERE status = 'accepted' AND created_at < now() - make_interval(secs => $1)
                 ORDER BY created_at LIMIT $2"""
        return [str(row["id"]) for row in await self._with(lambda c: c.fetch(sql, age_s, at_most))]

    async def _with(self, work: Callable[[Any], Awaitable[T]]) -> T:
        import asyncpg

        try:
            async with asyncio.timeout(WHOLE_S), self._pool.acquire(timeout=CONNECT_S) as connection:
                await self._ensure_schema(connection)
                return await work(connection)
        except asyncpg.ReadOnlySQLTransactionError as error:
            await self._pool.expire_connections()
            raise Unavailable("this PostgreSQL is no longer the primary") from error
        except (
            OSError,
            TimeoutError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,  # an answer that came in pieces, when the server died in the middle of it
        ) as error:
            LOG.warning("PostgreSQL: %s: %s", type(error).__name__, error)
            raise Unavailable(f"PostgreSQL does not answer ({type(error).__name__})") from error

    async def _ensure_schema(self, connection: Any) -> None:
        if self._has_schema:
            return
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", SCHEMA_LOCK)
            await connection.execute(SCHEMA)
        self._has_schema = True


def _plain(value: object) -> object:
    """Returns what JSON can carry: numbers and None as they are, times and ids as text."""
    if value is None or isinstance(value, int):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
