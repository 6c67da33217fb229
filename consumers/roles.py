"""The roles of a consumers process: each subscribes to its queues, works, and drains on its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

from consumers.applying import Applier
from consumers.window import Delivery, Window
from consumers.writer import Writer
from hub.messaging.bulk_publisher import BulkPublisher
from hub.messaging.connection import HubConnection
from hub.messaging.topology import command_queue
from hub.settings import Settings
from hub.storage.database import open_database

_PARKING_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Role:
    """A role at work.

    Args:
        work: its loop; ends only when it was drained, or broke.
        drain: finishes what was taken, says and acks it, and leaves the queues.
    """

    name: str
    work: "asyncio.Task[None]"
    drain: Callable[[], Awaitable[None]]


async def raw(message: Any) -> bytes:  # noqa: ANN401 -- FastStream's message
    """Hand a message's bytes on as they are: FastStream's decoder would fail before our code sees a bad one."""
    body: bytes = message.body
    return body


def subscribe(broker: RabbitBroker, queue: str, prefetch: int, take: Callable[[Any], Awaitable[None]]) -> Any:  # noqa: ANN401
    """Subscribe to a declared queue on a channel of its own, acks by hand; `take` gets aio-pika's message."""
    subscriber = broker.subscriber(
        RabbitQueue(queue, declare=False), channel=Channel(prefetch_count=prefetch), ack_policy=AckPolicy.MANUAL,
        no_reply=True, decoder=raw,
    )

    async def handle(_body: bytes) -> None:
        message = broker.context.get_local("message")
        assert message is not None
        await take(message.raw_message)

    subscriber(handle)
    return subscriber


def open_role(name: str, settings: Settings, broker: RabbitBroker, connection: HubConnection) -> Any:  # noqa: ANN401
    """Open the role of this name."""
    return {"writer": _open_writer}[name](settings, broker, connection)


@asynccontextmanager
async def _open_writer(settings: Settings, broker: RabbitBroker, connection: HubConnection) -> AsyncIterator[Role]:
    window = Window()
    subscribers = []
    for partition in range(settings.partitions):

        async def take(message: Any, partition: int = partition) -> None:  # noqa: ANN401 -- aio-pika's message
            # `channel` raises once it is closed: then the broker delivers the message again.
            try:
                channel = message.channel
            except Exception:  # noqa: BLE001 -- aio-pika's ChannelInvalidStateError is no public name
                return
            window.add(Delivery(partition, channel, message.delivery_tag, message.body, bool(message.redelivered)))

        subscribers.append(subscribe(broker, command_queue(partition), settings.partition_prefetch, take))
    async with open_database(settings.database_url.get_secret_value(), "hub_write", pool=2) as database:
        publisher = BulkPublisher(connection, confirm_seconds=settings.confirm_seconds)
        writer = Writer(window, Applier(database), publisher, window_commands=settings.window_commands)
        work = asyncio.create_task(writer.run(), name="writer")

        async def drain() -> None:
            window.close()
            await asyncio.wait([work], timeout=_PARKING_SECONDS)
            for subscriber in subscribers:
                await leave(subscriber)

        yield Role("writer", work, drain)


async def leave(subscriber: Any) -> None:  # noqa: ANN401 -- FastStream's subscriber
    """Leave a queue by closing the channel: consumer gone and window returned in order, in one frame."""
    queue = subscriber._queue_obj  # noqa: SLF001 -- the only way to the channel; FastStream is pinned
    if queue is not None and not queue.channel.is_closed:
        await queue.channel.close()
