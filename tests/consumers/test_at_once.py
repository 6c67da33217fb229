"""Deliveries are handed over where they are read: in order, without a task for each, and one that breaks ends nothing.

Red when: aiormq or aio-pika change what the hub replaces in them, and every delivery would be lost or wait for its task.
"""

import asyncio

from aiormq.abc import DeliveredMessage

from consumers.broker import open_broker
from consumers.subscribing import delivery_of, leave, subscribe
from consumers.window import Delivery
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.connection import open_connection
from hub.messaging.declaring import declare_topology
from hub.messaging.topology import COMMANDS, command_queue
from hub.settings import Settings


async def test_deliveries_are_taken_in_order_by_the_task_that_reads_them(settings: Settings) -> None:
    taken: list[Delivery] = []
    all_taken = asyncio.Event()
    tasks: set[object] = set()

    def take(message: DeliveredMessage) -> None:
        tasks.add(asyncio.current_task())
        taken.append(delivery_of(message, 0))
        if len(taken) == len(bodies):
            all_taken.set()
        assert message.body != b"[1]", "it breaks on this one"

    bodies = [b"[%d]" % number for number in range(50)]
    async with open_connection(settings.amqp_urls, name="test") as connection:
        await declare_topology(connection, settings.partitions)
        await BulkPublisher(connection, confirm_seconds=5).publish([Outgoing(COMMANDS, "0", body) for body in bodies])
        broker = open_broker(settings)
        subscriber = subscribe(broker, command_queue(0), 100, take)
        await broker.start()
        await asyncio.wait_for(all_taken.wait(), 10)
        await leave(subscriber)
        await broker.stop()
    assert [(one.tag, one.body) for one in taken] == list(enumerate(bodies, 1))
    assert len(tasks) == 1
