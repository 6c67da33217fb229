"""Batches of messages arrive in order, with their properties, confirmed as a whole."""

import asyncio
import time

import aio_pika
import pytest

from hub.faults import Unavailable
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.connection import open_connection
from hub.messaging.declaring import declare_topology
from hub.messaging.topology import EVENTS, QUORUM, TRANSLATE
from tests.rooms.broker_proxy import eventually, open_proxy
from tests.rooms.broker_reader import count_of, read_queue


def an_event(number: int, size: int = 0) -> Outgoing:
    return Outgoing(
        EVENTS,
        "p.webhook_event.received",
        f"{number:06d}".encode() + b"x" * size,
        content_type="application/cloudevents+json",
        message_id=f"event-{number}",
        headers={"sequence": number, "pharmacy_id": "p"},
    )


async def test_a_batch_arrives_in_order_with_its_properties(amqp_url: str) -> None:
    async with open_connection([amqp_url], name="test") as connection:
        await declare_topology(connection, 1)
        publisher = BulkPublisher(connection, confirm_seconds=5)
        await publisher.publish([])
        await publisher.publish([an_event(number, size=300_000 if number == 3 else 0) for number in range(500)])
        await publisher.publish([an_event(500)])
        read = await read_queue(amqp_url, TRANSLATE, 501)
        assert [int(message.body[:6]) for message in read] == list(range(501))
        assert len(read[3].body) == 300_006
        for number, message in enumerate(read):
            assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
            assert message.content_type == "application/cloudevents+json"
            assert message.message_id == f"event-{number}"
            assert message.headers == {"sequence": number, "pharmacy_id": "p"}


async def test_batches_of_several_callers_do_not_mix(amqp_url: str) -> None:
    async with open_connection([amqp_url], name="test") as connection:
        await declare_topology(connection, 1)
        publisher = BulkPublisher(connection, confirm_seconds=5)
        batches = [[an_event(batch * 50 + number) for number in range(50)] for batch in range(10)]
        await asyncio.gather(*(publisher.publish(batch) for batch in batches))
        read = await read_queue(amqp_url, TRANSLATE, 500)
        assert [int(message.body) for message in read] == list(range(500))


async def test_nobody_listening_is_fine_for_what_is_not_mandatory(amqp_url: str) -> None:
    async with open_connection([amqp_url], name="test") as connection:
        publisher = BulkPublisher(connection, confirm_seconds=2)
        await publisher.publish([Outgoing("", "hub.replies.gone", b"[]", mandatory=False, persistent=False)])


async def test_one_message_without_a_queue_fails_the_batch_and_the_next_batch_is_fine(amqp_url: str) -> None:
    async with open_connection([amqp_url], name="test") as connection:
        await declare_topology(connection, 1)
        publisher = BulkPublisher(connection, confirm_seconds=2)
        started = time.monotonic()
        with pytest.raises(Unavailable, match="no queue takes"):
            await publisher.publish([an_event(0), Outgoing("", "hub.nothing", b"x"), an_event(1)])
        assert time.monotonic() - started < 0.5
        await publisher.publish([an_event(number) for number in range(2, 50)])
        read = await read_queue(amqp_url, TRANSLATE, 50)
        assert [int(message.body) for message in read] == list(range(50))


async def test_a_repeated_batch_leaves_no_gap(amqp_url: str) -> None:
    async with (
        open_proxy(amqp_url) as proxy,
        open_connection([proxy.url], name="test") as connection,
    ):
        await declare_topology(connection, 1)
        publisher = BulkPublisher(connection, confirm_seconds=2)

        async def cut_on_its_way(first: int) -> None:
            await eventually(lambda: an_event(first).body in proxy.held)
            proxy.cut()
            proxy.thaw()

        cuts: list[asyncio.Task[None]] = []
        failures = 0
        for first in range(0, 400, 20):
            batch = [an_event(first + step) for step in range(20)]
            if first % 80 == 60:
                proxy.freeze()
                cuts.append(asyncio.create_task(cut_on_its_way(first)))
            while True:
                try:
                    await publisher.publish(batch)
                    break
                except Unavailable:
                    failures += 1
                    await eventually(lambda: connection.fault() is None)
        await asyncio.gather(*cuts)
        assert failures >= len(cuts)
        total = await count_of(amqp_url, TRANSLATE)
        seen = [int(message.body) for message in await read_queue(amqp_url, TRANSLATE, total)]
        highest = -1
        for each in seen:  # repeats are allowed, a jump ahead is not
            assert each <= highest + 1
            highest = max(highest, each)
        assert highest == 399


async def test_a_full_queue_repeats_the_batch_once_and_then_says_so(amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as plain:
        channel = await plain.channel()
        arguments = {**QUORUM, "x-max-length": 1, "x-overflow": "reject-publish"}
        await channel.declare_queue("full", durable=True, arguments=arguments)
        async with open_connection([amqp_url], name="test") as connection:
            publisher = BulkPublisher(connection, confirm_seconds=2)

            async def fill() -> None:
                for _ in range(20):  # the limit is not exact
                    await publisher.publish([Outgoing("", "full", b"x")] * 3)

            with pytest.raises(Unavailable, match="refused"):
                await fill()


async def test_waiting_for_a_turn_is_part_of_the_time(amqp_url: str) -> None:
    async with (
        open_proxy(amqp_url) as proxy,
        open_connection([proxy.url], name="test") as connection,
    ):
        await declare_topology(connection, 1)
        publisher = BulkPublisher(connection, confirm_seconds=1)
        await publisher.publish([an_event(0)])
        proxy.freeze()
        started = time.monotonic()
        results = await asyncio.gather(
            *(publisher.publish([an_event(number)]) for number in range(1, 9)), return_exceptions=True
        )
        assert all(isinstance(result, Unavailable) for result in results)
        assert time.monotonic() - started < 2
        proxy.thaw()


async def test_a_cancelled_batch_does_not_harm_the_next(amqp_url: str) -> None:
    async with (
        open_proxy(amqp_url) as proxy,
        open_connection([proxy.url], name="test") as connection,
    ):
        await declare_topology(connection, 1)
        publisher = BulkPublisher(connection, confirm_seconds=5)
        await publisher.publish([an_event(0)])
        proxy.freeze()
        task = asyncio.create_task(publisher.publish([an_event(1), an_event(2)]))
        await eventually(lambda: an_event(2).body in proxy.held)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        proxy.thaw()
        await publisher.publish([an_event(3)])
        read = await read_queue(amqp_url, TRANSLATE, 4)
        assert [int(message.body) for message in read] == [0, 1, 2, 3]


async def test_blocked_and_lost_are_told_at_once(amqp_url: str) -> None:
    async with (
        open_proxy(amqp_url) as proxy,
        open_connection([proxy.url], name="test") as connection,
    ):
        await declare_topology(connection, 1)
        publisher = BulkPublisher(connection, confirm_seconds=5)
        await publisher.publish([an_event(0)])
        for spoil in (proxy.say_blocked, proxy.cut):
            spoil()
            await eventually(lambda: connection.fault() is not None)
            started = time.monotonic()
            with pytest.raises(Unavailable):
                await publisher.publish([an_event(1)])
            assert time.monotonic() - started < 0.3
        await eventually(lambda: connection.fault() is None)
        await publisher.publish([an_event(1)])
