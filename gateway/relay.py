"""Events from the broker to the subscribers of this process, as they happen; what they miss comes from the log.

One queue per gateway process, bound to a pharmacy's events only while somebody here listens to that pharmacy. The queue
is a source of haste, not of truth: whatever does not follow the last sequence seen is read from the log instead.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NoReturn
from uuid import UUID

import orjson
import structlog
from aiormq.abc import AbstractChannel, ArgumentsType, DeliveredMessage

from gateway.keys import KeyCache
from gateway.subscribers import Subscribers, open_subscribers
from gateway.subscription import LiveEvent, Log, Subscription, Types
from hub.domain.ids import HUB_ID
from hub.faults import Unavailable
from hub.messaging.connection import HubConnection, close_soon, within
from hub.messaging.tasks import owned_tasks
from hub.messaging.topology import EVENTS
from hub.storage.database import Database

STEP_SECONDS = 5.0
AGAIN_SECONDS = 0.5
JOIN_SECONDS = 2.0  # a broker that is away delays nobody longer: the log is read now, and again when it is back
QUEUE_MESSAGES = 100_000  # a process that reads nothing for long loses the oldest, the broker loses no memory

log = structlog.get_logger(__name__)


class _Topic:
    """One pharmacy's events: who wants them here, and the channel on which they are bound."""

    __slots__ = ("bound_on", "lock", "name", "subscriptions")

    def __init__(self, name: str) -> None:
        self.name = name
        self.subscriptions: list[Subscription] = []
        self.bound_on: AbstractChannel | None = None
        self.lock = asyncio.Lock()


class Relay:
    """Hands events to subscriptions; see `open_relay`."""

    def __init__(
        self, connection: HubConnection, reads: Database, subscribers: Subscribers, tasks: asyncio.TaskGroup
    ) -> None:
        """Listen to nobody yet."""
        self.subscribers = subscribers
        self._connection = connection
        self._reads = reads
        self._tasks = tasks
        self._topics: dict[str, _Topic] = {}
        self._channel: AbstractChannel | None = None
        self._queue = ""
        self.is_closed = False

    @property
    def is_listening(self) -> bool:
        """False while the broker is away: subscribers then wait, and get what they missed from the log."""
        return self._channel is not None

    @asynccontextmanager
    async def join(self, pharmacy_id: UUID, *, after: int | None, types: Types) -> AsyncIterator[Subscription]:
        """Follow a pharmacy's events (nil: the hub's own) from behind `after`; None: from now on.

        Buffers before it reads the log, and reads the log only when the broker has confirmed the binding, so nothing
        falls between the two.

        Raises:
            BeyondEnd: there is no event `after` yet.
            BelowRetention: the log no longer has what follows `after`.
            Unavailable: PostgreSQL does not answer.
        """
        name = "hub" if pharmacy_id == HUB_ID else str(pharmacy_id)
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = _Topic(name)
        subscription = Subscription(Log(self._reads, pharmacy_id), types)
        topic.subscriptions.append(subscription)
        try:
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(JOIN_SECONDS):
                    await self._bind(topic)
            await subscription.start(after)
            yield subscription
        finally:
            topic.subscriptions.remove(subscription)
            if not topic.subscriptions and not self.is_closed:
                self._tasks.create_task(self._unbind(topic), name=f"unbinding {topic.name}")

    async def keep_listening(self) -> NoReturn:
        """Read events until cancelled; after every loss all subscriptions read the log again."""
        while True:
            await self._connection.connected.wait()
            with suppress(Unavailable):
                await self._listen()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self) -> None:
        underlay = self._connection.underlay
        if underlay is None:
            return
        channel = await within(STEP_SECONDS, underlay.channel(publisher_confirms=False), EVENTS)
        try:
            channel.on_consumer_cancel_callbacks.add(lambda _: close_soon(channel))  # the queue was deleted
            self._queue = await within(STEP_SECONDS, self._consume(channel), EVENTS)
            self._channel = channel
            # Who joins meanwhile binds by himself: the lock of the topic lets it happen once.
            for topic in tuple(self._topics.values()):
                await self._bind(topic)
            await asyncio.wait((channel.closing,))
        finally:
            self._channel = None
            close_soon(channel)

    async def _consume(self, channel: AbstractChannel) -> str:
        arguments: ArgumentsType = {"x-max-length": QUEUE_MESSAGES, "x-overflow": "drop-head"}
        declared = await channel.queue_declare("", exclusive=True, auto_delete=True, arguments=arguments)
        assert declared.queue is not None
        await channel.basic_consume(declared.queue, self._hear, no_ack=True)
        return declared.queue

    async def _bind(self, topic: _Topic) -> None:
        async with topic.lock:
            channel = self._channel
            if channel is None or topic.bound_on is channel or not topic.subscriptions:
                return
            try:
                await within(STEP_SECONDS, channel.queue_bind(self._queue, EVENTS, f"{topic.name}.#"), EVENTS)
            except Unavailable:
                close_soon(channel)  # listening starts afresh and binds all
                raise
            topic.bound_on = channel
            for subscription in topic.subscriptions:
                subscription.refresh()

    async def _unbind(self, topic: _Topic) -> None:
        async with topic.lock:
            if topic.subscriptions:
                return
            self._topics.pop(topic.name, None)
            channel = self._channel
            if channel is None or topic.bound_on is not channel:
                return
            try:
                await within(STEP_SECONDS, channel.queue_unbind(self._queue, EVENTS, f"{topic.name}.#"), EVENTS)
            except Unavailable:
                close_soon(channel)

    async def _hear(self, message: DeliveredMessage) -> None:
        name, _, event_type = (message.routing_key or "").partition(".")
        topic = self._topics.get(name)
        if topic is None:
            return
        try:
            headers = message.header.properties.headers or {}
            sequence = headers["sequence"] if "sequence" in headers else orjson.loads(message.body)["sequence"]
            event = LiveEvent(int(sequence), event_type, message.body.decode())  # type: ignore[arg-type]
        except (ValueError, TypeError, KeyError):
            log.exception("event.unreadable", routing_key=message.routing_key, size=len(message.body))
            return
        for subscription in topic.subscriptions:
            subscription.offer(event)


@asynccontextmanager
async def open_relay(connection: HubConnection, reads: Database, keys: KeyCache) -> AsyncIterator[Relay]:
    """Relay events while this is open.

    Args:
        connection: one that is used for consuming; the broker may be away.
        reads: the database under row-level security, for the log.
        keys: a subscriber whose key ends is sent away.
    """
    async with open_subscribers(keys) as subscribers, owned_tasks() as tasks:
        relay = Relay(connection, reads, subscribers, tasks)
        reader = tasks.create_task(relay.keep_listening(), name="reader of events")
        try:
            yield relay
        finally:
            relay.is_closed = True
            reader.cancel()
