"""Orders: what one is, what is for sale, and what the tiers need of the database and of the queue."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Protocol

CATALOGUE = (
    {"item": "tea", "name": "Green tea", "price_cents": 450},
    {"item": "coffee", "name": "Dark roast", "price_cents": 890},
    {"item": "cup", "name": "Stoneware cup", "price_cents": 1400},
)
ITEMS = frozenset(str(offer["item"]) for offer in CATALOGUE)
QUANTITY_MAX = 100


class Refused(ValueError):  # noqa: N818 - it says what happened
    """The caller's fault; the text says what to send instead."""


class Unavailable(Exception):  # noqa: N818 - it names a state of the other side
    """The database or the queue cannot answer now; trying again later may help."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a customer asked for; whoever sends the same id twice gets one order."""

    id: str
    item: str
    quantity: int

    @classmethod
    def parse(cls, body: object) -> Order:
        """Reads a request's JSON and gives it an id if it has none; Refused says what is wrong."""
        if not isinstance(body, dict):
            raise Refused('send a JSON object such as {"item": "tea", "quantity": 1}')
        item, quantity = body.get("item"), body.get("quantity", 1)
        if not isinstance(item, str) or item not in ITEMS:
            raise Refused(f"item {item!r} is not for sale: use one of {', '.join(sorted(ITEMS))}")
        if isinstance(quantity, bool) or not isinstance(quantity, int) or not 1 <= quantity <= QUANTITY_MAX:
            raise Refused(f"quantity is {quantity!r}: send a whole number from 1 to {QUANTITY_MAX}")
        return cls(parse_id(body["id"]) if "id" in body else str(uuid.uuid4()), item, quantity)

    def body(self) -> dict[str, str | int]:
        """Returns the order as JSON carries it."""
        return {"id": self.id, "item": self.item, "quantity": self.quantity}


def parse_id(text: object) -> str:
    """Returns an order's id in its one spelling; Refused when it is none."""
    try:
        return str(uuid.UUID(str(text)))
    except ValueError as error:
        raise Refused(f"{text!r} is not an order's id: send a UUID") from error


@dataclass(frozen=True, slots=True)
class Job:
    """Work for a worker: an order to fulfil, and the trace it belongs to."""

    order: str
    trace: dict[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Returns the job as it stands in the queue; equal jobs have equal bytes."""
        return json.dumps({"order": self.order, "trace": self.trace}, sort_keys=True).encode()

    @classmethod
    def decode(cls, raw: bytes) -> Job:
        """Reads a job that `encode` wrote."""
        body = json.loads(raw)
        return cls(body["order"], body["trace"])


class Ledger(Protocol):
    """The truth about orders. Every method raises Unavailable when it cannot say."""

    async def add(self, order: Order) -> str:
        """Commits an order and returns its status; an id that is known already is left as it is."""

    async def find(self, order_id: str) -> dict[str, object] | None:
        """Returns an order as JSON carries it, or None."""

    async def finish(self, order_id: str) -> bool:
        """Marks an order done; False when it was done before or is not known."""

    async def overdue(self, age_s: float, at_most: int) -> list[str]:
        """Returns ids of orders accepted longer ago than this and not done, oldest first."""


class Jobs(Protocol):
    """The queue. A job that was taken is kept in its worker's list until it is done; raises Unavailable."""

    async def put(self, job: Job) -> None:
        """Adds a job."""

    async def take(self, wait_s: float) -> Job | None:
        """Moves the oldest job to this worker's list, waiting for one so long."""

    async def done(self, job: Job) -> None:
        """Forgets a taken job."""

    async def give_back(self, job: Job) -> None:
        """Moves a taken job back to the queue."""

    async def beat(self) -> None:
        """Says that this worker is alive."""

    async def adopt(self) -> int:
        """Gives back what dead workers had taken; returns how many jobs."""

    async def leave(self) -> None:
        """Gives back what this worker had taken and forgets the worker."""
