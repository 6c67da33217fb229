"""A connection that is lost again among restoring: whatever the moment, every queue is read again."""

import asyncio

from pydantic import SecretStr

from consumers.broker import open_broker
from consumers.subscribing import find_closed, leave, subscribe
from hub.messaging.connection import open_connection
from hub.messaging.declaring import declare_topology
from hub.messaging.topology import command_queue
from hub.messaging.unread import find_unread
from hub.settings import Settings
from tests.kit.wait import eventually
from tests.rooms.broker_proxy import open_proxy

QUEUES = [command_queue(number) for number in range(8)]


async def test_a_connection_that_is_lost_the_moment_a_channel_was_restored_is_restored_again(
    settings: Settings,
) -> None:
    """Red when: the end of a channel is noticed before the mark that it was restored, and the mark stays."""

    async def take(_message: object) -> None:
        """Read nothing: there is nothing."""

    async with (
        open_proxy(settings.amqp_url.get_secret_value()) as wire,
        open_connection(settings.amqp_urls, name="test") as connection,
    ):
        await declare_topology(connection, settings.partitions)
        broker = open_broker(settings.model_copy(update={"amqp_url": SecretStr(wire.url)}))
        subscribers = [subscribe(broker, queue, 10, take) for queue in QUEUES]
        await broker.start()
        channel = subscribers[3]._queue_obj.channel
        lost = asyncio.Event()

        async def is_noticed() -> bool:
            return not channel._RobustChannel__restored.is_set()

        async def lose_it_again(_channel: object) -> None:
            if not lost.is_set():
                lost.set()
                wire.cut()
                await eventually(is_noticed, bool)

        channel.reopen_callbacks.add(lose_it_again)
        wire.cut()
        await asyncio.wait_for(lost.wait(), 10)
        await eventually(lambda: find_unread(connection, QUEUES), lambda unread: not unread)
        assert [find_closed(one) for one in subscribers] == [None] * len(QUEUES)
        await asyncio.gather(*map(leave, subscribers))
        await broker.stop()
