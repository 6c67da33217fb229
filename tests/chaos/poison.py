"""Poison: bytes and commands that nobody can apply, in the partitions of pharmacies at work; their neighbours must not wait."""

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

import aio_pika
import orjson

from hub import clock
from hub.messaging.topology import COMMANDS, partition_of
from tests.chaos.stage import Stage

LATE_SECONDS = 2.0
"""So much later than before may an outcome be that comes behind poison."""

_CALM_SECONDS = 0.7
_PATIENCE_SECONDS = 15.0
_JUNK = (b"\xff", b"[]", b"null", b"[1, null, {}]", b"[" * 2000, b'[{"type": "no.such"}]', b'{"type": "sale.record"}')
_LOST = (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Poison:
    """A message that can never be applied.

    Args:
        payloads: what must be kept of it, each as it came.
        operation_id: of a command that can be told apart; None: the message is nothing that could be read.
    """

    payloads: tuple[bytes, ...]
    operation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """How long a pharmacy's waited command took, before poison came into its partition and behind it, in seconds."""

    pharmacy: int
    before: float
    behind: float


async def poison(stage: Stage, chance: random.Random, _: float) -> None:
    """Poison the partitions of two pharmacies: one gets bytes, one a command that breaks the transaction of its window."""
    numbers = chance.sample(range(len(stage.pharmacies)), 2)
    for number, is_command in zip(numbers, (True, False), strict=True):
        before = await _calm(stage, number)
        bad, body = _a_command(stage.pharmacies[number]) if is_command else _some_bytes(chance)
        stage.poison.append(bad)
        await _publish(stage, partition_of(stage.pharmacies[number], stage.settings.partitions), body)
        stage.neighbours.append(Neighbour(number, before, await stage.ask(number)))


async def _calm(stage: Stage, number: int) -> float:
    """Wait until the hub has made up for the fault before this one; gives how long an outcome takes now."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while (seconds := await stage.ask(number)) > _CALM_SECONDS and time.monotonic() < until:
        await asyncio.sleep(0.1)
    return seconds


async def _publish(stage: Stage, partition: int, body: bytes) -> None:
    """Publish as a gateway does, confirmed, however often it takes: what comes twice is parked once or twice."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        with suppress(*_LOST):
            connection = await aio_pika.connect(stage.settings.amqp_urls[0], timeout=5)
            async with connection, connection.channel(publisher_confirms=True, on_return_raises=True) as channel:
                exchange = await channel.get_exchange(COMMANDS, ensure=False)
                message = aio_pika.Message(body, content_type="application/json", delivery_mode=2)
                await exchange.publish(message, routing_key=str(partition), mandatory=True, timeout=3)
                return
        await asyncio.sleep(0.3)


def _a_command(pharmacy_id: UUID) -> tuple[Poison, bytes]:
    """Write a command as a door would never let it through: PostgreSQL takes no NUL."""
    operation_id = uuid4()
    envelope = orjson.dumps(
        {
            "operation_id": str(operation_id), "pharmacy_id": str(pharmacy_id), "resource_id": str(uuid4()),
            "type": "inventory.create", "accepted_at": clock.now().isoformat(), "actor": "system", "door": "http",
            "body": {"sku": f"P{operation_id}", "name": "\x00", "price": "1.00"},
        }
    )  # fmt: skip
    return Poison((envelope,), operation_id), b"[" + envelope + b"]"


def _some_bytes(chance: random.Random) -> tuple[Poison, bytes]:
    body = chance.choice(_JUNK)
    # What is a list is parked element by element.
    payloads = {b"[1, null, {}]": (b"1", b"null", b"{}"), b'[{"type": "no.such"}]': (b'{"type":"no.such"}',)}
    return Poison(payloads.get(body, (body,))), body
