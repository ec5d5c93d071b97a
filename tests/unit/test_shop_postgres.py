"""Whatever the driver raises, an order that cannot be written is no fault of the shop's: the caller may try again."""

import asyncio
import sys
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import pytest

from deploy.workloads.shop.orders import Unavailable
from deploy.workloads.shop.postgres import PostgresLedger

ERRORS = ("PostgresError", "InterfaceError", "InternalClientError", "ReadOnlySQLTransactionError")


@pytest.fixture
def asyncpg(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Its errors alone: the driver is in the image, not here."""
    module = ModuleType("asyncpg")
    for name in ERRORS:
        setattr(module, name, type(name, (Exception,), {}))
    monkeypatch.setitem(sys.modules, "asyncpg", module)
    return module


class Pool:
    """Gives no connection."""

    def __init__(self, error: Exception) -> None:
        self.error, self.expired = error, 0

    @asynccontextmanager
    async def acquire(self, **_: Any) -> Any:
        raise self.error
        yield

    async def expire_connections(self) -> None:
        self.expired += 1


def ordered(pool: Pool) -> Any:
    ledger = PostgresLedger(1)
    ledger._pool = pool
    return asyncio.run(ledger.find("7"))


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_of_the_driver_says_that_postgresql_is_unavailable(asyncpg: Any, name: str) -> None:
    pool = Pool(getattr(asyncpg, name)("in the middle of an answer"))
    with pytest.raises(Unavailable):
        ordered(pool)
    assert pool.expired == (name == "ReadOnlySQLTransactionError")


def test_a_mistake_of_our_own_is_not_hidden(asyncpg: Any) -> None:
    with pytest.raises(KeyError):
        ordered(Pool(KeyError("item")))
