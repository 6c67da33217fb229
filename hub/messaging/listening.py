"""A queue of this process alone: declared, read, and made again whenever its channel or connection is lost.

aio-pika could restore it, but its restoring tears the connection down when the broker still holds the exclusive
queue for a dead connection. This loop waits for that instead.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from aiormq.abc import AbstractChannel, ArgumentsType, DeliveredMessage

from hub.faults import Unavailable
from hub.messaging.connection import HubConnection, close_soon, within

STEP_SECONDS = 5.0
AGAIN_SECONDS = 0.5
QUEUE_MESSAGES = 100_000  # a process that reads nothing for long loses the oldest, the broker loses no memory


@dataclass(frozen=True, slots=True)
class Listening:
    """What to read, and whom to tell.

    Attributes:
        queue: its name; empty lets the broker choose one.
        exchange: what it is bound to; None where publishers name the queue itself.
        hear: gets each body; must not raise and must not block.
        resumed: called whenever reading begins: what was sent before that is lost.
        lost: called when reading has ended.
    """

    queue: str
    exchange: str | None
    hear: Callable[[bytes], None]
    resumed: Callable[[], None]
    lost: Callable[[], None]


async def keep_listening(connection: HubConnection, listening: Listening) -> NoReturn:
    """Read until cancelled."""
    while True:
        await connection.connected.wait()
        with suppress(Unavailable):
            await _listen(connection, listening)
        await asyncio.sleep(AGAIN_SECONDS)


async def _listen(connection: HubConnection, listening: Listening) -> None:
    underlay = connection.underlay
    if underlay is None:
        return
    what = listening.queue or listening.exchange or "queue"
    channel = await within(STEP_SECONDS, underlay.channel(publisher_confirms=False), what)
    try:
        channel.on_consumer_cancel_callbacks.add(lambda _: close_soon(channel))  # the queue was deleted
        await within(STEP_SECONDS, _consume(channel, listening), what)
        listening.resumed()
        await asyncio.wait((channel.closing,))
    finally:
        listening.lost()
        close_soon(channel)


async def _consume(channel: AbstractChannel, listening: Listening) -> None:
    arguments: ArgumentsType = {"x-max-length": QUEUE_MESSAGES, "x-overflow": "drop-head"}
    declared = await channel.queue_declare(listening.queue, exclusive=True, auto_delete=True, arguments=arguments)
    name = declared.queue or listening.queue
    if listening.exchange is not None:
        await channel.queue_bind(name, listening.exchange)

    async def deliver(message: DeliveredMessage) -> None:
        listening.hear(message.body)

    await channel.basic_consume(name, deliver, no_ack=True)
