"""The roles of a consumers process: each subscribes to its queues, works, and drains on its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

from faststream.rabbit import RabbitBroker

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
from consumers.subscribing import Role, a_role, delivery_of, into, subscribe
from consumers.translate import MESSAGES, Translator
from consumers.window import Window, acknowledge
from consumers.writer import PACE, Writer
from hub.messaging.bulk_publisher import BulkPublisher
from hub.messaging.connection import HubConnection
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

_INGRESS_PREFETCH = 200
_FANOUT_PREFETCH = 1000
_DELIVER_PREFETCH = 256
_AUDIT_PREFETCH = 500


@asynccontextmanager
async def open_writer(
    settings: Settings, broker: RabbitBroker, connection: HubConnection, figures: Figures
) -> AsyncIterator[Role]:
    """Commands to rows, outcomes and events; every partition on a channel of its own."""
    window = Window(PACE)
    failpoint = Failpoint(settings.failpoint)
    queues = {
        command_queue(partition): subscribe(
            broker, command_queue(partition), settings.partition_prefetch, into(window.add, partition)
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
        yield a_role("writer", writer.run(), window.close, queues, window, writer.saying)


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

        def taking(number: int) -> Callable[[Any], Awaitable[None]]:
            async def take(message: Any) -> None:  # noqa: ANN401 -- aio-pika's message
                delivery = delivery_of(message, number)
                if delivery is not None:
                    ingress.add(delivery, message)

            return take

        queues = {
            ingress_queue(number): subscribe(broker, ingress_queue(number), _INGRESS_PREFETCH, taking(number))
            for number in range(INGRESS_QUEUES)
        }
        yield a_role("ingress", ingress.run(), ingress.close, queues, window)


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
            delivery = delivery_of(message, 0)
            if delivery is not None:
                fanout.add(delivery, _routed(message))

        subscriber = subscribe(broker, FANOUT, _FANOUT_PREFETCH, take)
        yield a_role("fanout", fanout.run(), fanout.close, {FANOUT: subscriber}, window)


@asynccontextmanager
async def open_translate(
    settings: Settings, broker: RabbitBroker, connection: HubConnection, _figures: Figures
) -> AsyncIterator[Role]:
    """Webhooks that came in to commands."""
    window = Window()
    subscriber = subscribe(broker, TRANSLATE, MESSAGES, into(window.add, 0))
    async with _open_writing(settings, pool=2) as database:
        publisher = BulkPublisher(connection, confirm_seconds=settings.confirm_seconds)
        translator = Translator(window, database, publisher, settings.partitions)
        yield a_role("translate", translator.run(), translator.close, {TRANSLATE: subscriber}, window)


@asynccontextmanager
async def open_deliver(
    settings: Settings, broker: RabbitBroker, connection: HubConnection, figures: Figures
) -> AsyncIterator[Role]:
    """Deliveries to attempts, and the dispatcher of what is due."""
    window = Window()
    queues = {
        f"{DELIVER}.{number}": subscribe(broker, f"{DELIVER}.{number}", _DELIVER_PREFETCH, into(window.add, number))
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

        yield a_role("deliver", work(), close, queues, window, dispatcher.pulse, writing)


@asynccontextmanager
async def open_parker(
    settings: Settings, broker: RabbitBroker, _connection: HubConnection, _figures: Figures
) -> AsyncIterator[Role]:
    """Parked messages to rows."""
    closed = asyncio.Event()
    pulse = Pulse("parker")
    async with _open_writing(settings, pool=1) as database:

        async def take(message: Any) -> None:  # noqa: ANN401 -- aio-pika's message
            delivery = delivery_of(message, 0)
            if delivery is not None:
                await keep(
                    database, message.body, message.headers, message.message_id, message.content_type, pulse=pulse
                )
                await acknowledge([delivery])
                pulse.rest()

        subscriber = subscribe(broker, DEAD, 1, take)

        async def work() -> None:
            await closed.wait()

        yield a_role("parker", work(), closed.set, {DEAD: subscriber}, None, pulse)


@asynccontextmanager
async def open_janitor(
    settings: Settings, broker: RabbitBroker, connection: HubConnection, figures: Figures
) -> AsyncIterator[Role]:
    """Retention, sweeps and expiry, and what gateways tell for the audit log."""
    window = Window()
    subscriber = subscribe(broker, AUDIT, _AUDIT_PREFETCH, into(window.add, 0))
    async with _open_writing(settings, pool=2) as database:
        publisher = BulkPublisher(connection, confirm_seconds=settings.confirm_seconds)
        janitor = Janitor(window, database, publisher, settings, figures)
        yield a_role("janitor", janitor.run(), janitor.close, {AUDIT: subscriber}, window)


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


def _routed(message: Any) -> RoutedEvent | None:  # noqa: ANN401 -- aio-pika's message
    """Read an event's properties; events of the hub itself have no endpoints."""
    scope, _, event_type = message.routing_key.partition(".")
    if scope == "hub":
        return None
    return RoutedEvent(UUID(message.message_id), UUID(scope), event_type)
