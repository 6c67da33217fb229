"""The roles of a consumers process: each subscribes to its queues, works, and drains on its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aio_pika
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

from consumers.applying import Applier
from consumers.calls import Calls
from consumers.deliver import Deliverer
from consumers.directory import Directory
from consumers.dispatcher import Dispatcher
from consumers.failpoint import Failpoint
from consumers.fanout import Fanout
from consumers.feeds import restore_feeds
from consumers.figures import Figures
from consumers.http_client import open_delivery_client
from consumers.ingress import Ingress
from consumers.janitor import Janitor
from consumers.parker import keep
from consumers.processing import CommandSender, RoutedEvent
from consumers.pulse import Pulse
from consumers.receipts import open_receipts
from consumers.store import PostgresStore
from consumers.translate import MESSAGES, Translator
from consumers.window import Delivery, Window, acknowledge
from consumers.writer import Writer
from hub.faults import Unavailable
from hub.messaging.bulk_publisher import BulkPublisher
from hub.messaging.connection import HubConnection, within
from hub.messaging.topology import (
    AUDIT,
    DEAD,
    DELIVER,
    DELIVER_QUEUES,
    FANOUT,
    INGRESS_QUEUES,
    TRANSLATE,
    command_queue,
    ingress_queue,
)
from hub.settings import Settings
from hub.storage.database import Database, open_database

_DRAIN_SECONDS = 5.0
_LEAVE_SECONDS = 1.0
_INGRESS_PREFETCH = 200
_FANOUT_PREFETCH = 1000
_DELIVER_PREFETCH = 256
_AUDIT_PREFETCH = 500


@dataclass(frozen=True, slots=True)
class Role:
    """A role at work.

    Args:
        work: its loop; ends only when it was drained, or broke.
        drain: finishes what was taken, says and acks it, and leaves the queues.
        pulses: the signs of life of its loops.
        queues: what it reads, by the queue's name; the values are FastStream's subscribers.
        waiting: how many messages it has taken in and not begun.
    """

    name: str
    work: "asyncio.Task[None]"
    drain: Callable[[], Awaitable[None]]
    pulses: Sequence[Pulse]
    queues: Mapping[str, Any]
    waiting: Callable[[], int]


async def raw(message: Any) -> bytes:  # noqa: ANN401 -- FastStream's message
    """Hand a message's bytes on as they are: FastStream's decoder would fail before our code sees a bad one."""
    body: bytes = message.body
    return body


def subscribe(broker: RabbitBroker, queue: str, prefetch: int, take: Callable[[Any], Awaitable[None]]) -> Any:  # noqa: ANN401
    """Subscribe to a declared queue on a channel of its own, acks by hand; `take` gets aio-pika's message."""
    subscriber = broker.subscriber(
        RabbitQueue(queue, declare=False),
        channel=Channel(prefetch_count=prefetch),
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
        decoder=raw,
    )

    async def handle(_body: bytes) -> None:
        message = broker.context.get_local("message")
        assert message is not None
        await take(message.raw_message)

    subscriber(handle)
    return subscriber


@asynccontextmanager
async def open_writer(
    settings: Settings, broker: RabbitBroker, connection: HubConnection, figures: Figures
) -> AsyncIterator[Role]:
    """Commands to rows, outcomes and events; every partition on a channel of its own."""
    window = Window()
    failpoint = Failpoint(settings.failpoint)
    queues = {
        command_queue(partition): subscribe(
            broker, command_queue(partition), settings.partition_prefetch, _into(window.add, partition)
        )
        for partition in range(settings.partitions)
    }
    async with _open_writing(settings, pool=2) as database, open_receipts(settings) as receipts:
        publisher = BulkPublisher(connection, confirm_seconds=settings.confirm_seconds)
        writer = Writer(
            window,
            Applier(PostgresStore(database, failpoint)),
            publisher,
            window_commands=settings.window_commands,
            figures=figures,
            failpoint=failpoint,
            receipts=receipts,
        )
        yield _role("writer", writer.run(), window.close, queues, window, writer.saying)


@asynccontextmanager
async def open_ingress(
    settings: Settings, broker: RabbitBroker, connection: HubConnection, _figures: Figures
) -> AsyncIterator[Role]:
    """Integrators' messages to commands; every queue on a channel of its own."""
    window = Window()
    async with _open_writing(settings, pool=1) as database, open_receipts(settings) as receipts:
        await restore_feeds(database, connection)
        ingress = Ingress(
            window,
            Directory(database),
            BulkPublisher(connection, confirm_seconds=settings.confirm_seconds),
            receipts,
            settings.partitions,
        )

        def into(number: int) -> Callable[[Any], Awaitable[None]]:
            async def take(message: Any) -> None:  # noqa: ANN401 -- aio-pika's message
                delivery = _delivery(message, number)
                if delivery is not None:
                    ingress.add(delivery, message)

            return take

        queues = {
            ingress_queue(number): subscribe(broker, ingress_queue(number), _INGRESS_PREFETCH, into(number))
            for number in range(INGRESS_QUEUES)
        }
        yield _role("ingress", ingress.run(), ingress.close, queues, window)


@asynccontextmanager
async def open_fanout(
    settings: Settings, broker: RabbitBroker, connection: HubConnection, _figures: Figures
) -> AsyncIterator[Role]:
    """Events to deliveries."""
    window = Window()
    async with _open_writing(settings, pool=2) as database:
        fanout = Fanout(
            window,
            database,
            BulkPublisher(connection, confirm_seconds=settings.confirm_seconds),
            connection,
        )

        async def take(message: Any) -> None:  # noqa: ANN401 -- aio-pika's message
            delivery = _delivery(message, 0)
            if delivery is not None:
                fanout.add(delivery, _routed(message))

        subscriber = subscribe(broker, FANOUT, _FANOUT_PREFETCH, take)
        yield _role("fanout", fanout.run(), fanout.close, {FANOUT: subscriber}, window)


@asynccontextmanager
async def open_translate(
    settings: Settings, broker: RabbitBroker, connection: HubConnection, _figures: Figures
) -> AsyncIterator[Role]:
    """Webhooks that came in to commands."""
    window = Window()
    subscriber = subscribe(broker, TRANSLATE, MESSAGES, _into(window.add, 0))
    async with _open_writing(settings, pool=2) as database:
        publisher = BulkPublisher(connection, confirm_seconds=settings.confirm_seconds)
        translator = Translator(window, database, publisher, settings.partitions)
        yield _role("translate", translator.run(), translator.close, {TRANSLATE: subscriber}, window)


@asynccontextmanager
async def open_deliver(
    settings: Settings, broker: RabbitBroker, connection: HubConnection, figures: Figures
) -> AsyncIterator[Role]:
    """Deliveries to attempts, and the dispatcher of what is due."""
    window = Window()
    queues = {
        f"{DELIVER}.{number}": subscribe(broker, f"{DELIVER}.{number}", _DELIVER_PREFETCH, _into(window.add, number))
        for number in range(DELIVER_QUEUES)
    }
    writing = Pulse("attempts to rows")
    async with _open_writing(settings, pool=4) as database, open_delivery_client(settings) as client:
        calls = Calls(database, client, settings, CommandSender(connection, settings), figures, writing)
        publisher = BulkPublisher(connection, confirm_seconds=settings.confirm_seconds)
        dispatcher = Dispatcher(database, publisher, calls.room, calls.note_end_of_backlog)
        calls.wake_dispatcher = dispatcher.wake

        async def work() -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(dispatcher.run(), name="dispatcher")
                await Deliverer(window, database, calls, tasks).run()

        def close() -> None:
            dispatcher.close()
            window.close()

        yield _role("deliver", work(), close, queues, window, dispatcher.pulse, writing)


@asynccontextmanager
async def open_parker(
    settings: Settings, broker: RabbitBroker, _connection: HubConnection, _figures: Figures
) -> AsyncIterator[Role]:
    """Parked messages to rows."""
    closed = asyncio.Event()
    pulse = Pulse("parker")
    async with _open_writing(settings, pool=1) as database:

        async def take(message: Any) -> None:  # noqa: ANN401 -- aio-pika's message
            delivery = _delivery(message, 0)
            if delivery is not None:
                await keep(
                    database, message.body, message.headers, message.message_id, message.content_type, pulse=pulse
                )
                await acknowledge([delivery])
                pulse.rest()

        subscriber = subscribe(broker, DEAD, 1, take)

        async def work() -> None:
            await closed.wait()

        yield _role("parker", work(), closed.set, {DEAD: subscriber}, None, pulse)


@asynccontextmanager
async def open_janitor(
    settings: Settings, broker: RabbitBroker, connection: HubConnection, figures: Figures
) -> AsyncIterator[Role]:
    """Retention, sweeps and expiry, and what gateways tell for the audit log."""
    window = Window()
    subscriber = subscribe(broker, AUDIT, _AUDIT_PREFETCH, _into(window.add, 0))
    async with _open_writing(settings, pool=2) as database:
        publisher = BulkPublisher(connection, confirm_seconds=settings.confirm_seconds)
        janitor = Janitor(window, database, publisher, settings, figures)
        yield _role("janitor", janitor.run(), janitor.close, {AUDIT: subscriber}, window)


ROLES: Mapping[str, Callable[[Settings, RabbitBroker, HubConnection, Figures], AbstractAsyncContextManager[Role]]] = {
    "writer": open_writer,
    "ingress": open_ingress,
    "fanout": open_fanout,
    "translate": open_translate,
    "deliver": open_deliver,
    "parker": open_parker,
    "janitor": open_janitor,
}
"""Every role by its name in `HUB_ROLES`."""


def _open_writing(settings: Settings, *, pool: int) -> AbstractAsyncContextManager[Database]:
    return open_database(settings.database_url.get_secret_value(), "hub_write", pool=pool)


def _role(
    name: str,
    loop: Coroutine[Any, Any, None],
    close: Callable[[], None],
    queues: Mapping[str, Any],
    window: Window | None,
    *pulses: Pulse,
) -> Role:
    work = asyncio.create_task(loop, name=name)

    async def drain() -> None:
        close()
        await asyncio.wait([work], timeout=_DRAIN_SECONDS)
        for subscriber in queues.values():
            await leave(subscriber)

    if window is None:
        return Role(name, work, drain, pulses, queues, lambda: 0)
    return Role(name, work, drain, (window.pulse, *pulses), queues, window.__len__)


def _delivery(message: Any, partition: int) -> Delivery | None:  # noqa: ANN401 -- aio-pika's message
    try:
        channel = message.channel
    except aio_pika.exceptions.ChannelInvalidStateError:
        return None  # it closed meanwhile: the broker delivers the message again
    return Delivery(partition, channel, message.delivery_tag, message.body)


def _into(add: Callable[[Delivery], None], partition: int) -> Callable[[Any], Awaitable[None]]:
    async def take(message: Any) -> None:  # noqa: ANN401 -- aio-pika's message
        delivery = _delivery(message, partition)
        if delivery is not None:
            add(delivery)

    return take


def _routed(message: Any) -> RoutedEvent | None:  # noqa: ANN401 -- aio-pika's message
    """Read an event's properties; events of the hub itself have no endpoints."""
    scope, _, event_type = message.routing_key.partition(".")
    if scope == "hub":
        return None
    return RoutedEvent(UUID(message.message_id), UUID(scope), event_type)


async def leave(subscriber: Any) -> None:  # noqa: ANN401 -- FastStream's subscriber
    """Leave a queue by closing the channel: consumer gone and window returned in order, in one frame."""
    queue = subscriber._queue_obj  # noqa: SLF001 -- the only way to the channel; FastStream is pinned
    if queue is not None and not queue.channel.is_closed:
        # A broker that does not answer any more gets the window back when the connection ends.
        with suppress(Unavailable):
            await within(_LEAVE_SECONDS, queue.channel.close(), "rabbitmq")


def is_listening(subscriber: Any) -> bool:  # noqa: ANN401 -- FastStream's subscriber
    """Tell whether a subscriber has an open channel."""
    queue = subscriber._queue_obj  # noqa: SLF001 -- as above
    return queue is not None and not queue.channel.is_closed
