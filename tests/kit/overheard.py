"""What is published on `hub.events`, overheard in the order in which it came."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aio_pika
import orjson
from aio_pika.abc import AbstractIncomingMessage

from hub.messaging.topology import EVENTS
from hub.settings import Settings


@dataclass(slots=True)
class Overheard:
    """The events, as they came; those that were said twice stand twice."""

    events: list[dict[str, Any]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def sequences(self, pharmacy_id: object) -> list[int]:
        """Name a pharmacy's sequences in the order in which each was first said."""
        seen = [event["sequence"] for event in self.events if event["pharmacyid"] == str(pharmacy_id)]
        return list(dict.fromkeys(seen))


@asynccontextmanager
async def overhearing(settings: Settings) -> AsyncIterator[Overheard]:
    """Listen while the block runs; the topology must be there."""
    heard = Overheard()
    connection = await aio_pika.connect(settings.amqp_urls[0])
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(EVENTS, "#")

        async def hear(message: AbstractIncomingMessage) -> None:
            heard.events.append(orjson.loads(message.body))
            heard.came.set()

        await queue.consume(hear, no_ack=True)
        yield heard
