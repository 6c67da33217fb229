"""Commands reach their partition confirmed, in order, sent together; and nothing ever hangs."""

import asyncio
import time
from collections.abc import Sequence

import aio_pika
import orjson
import pytest
from aiormq.channel import Channel
from aiormq.exceptions import DeliveryError
from pamqp import commands as spec

from hub.faults import Unavailable
from hub.messaging.connection import open_connection
from hub.messaging.declaring import declare_topology
from hub.messaging.frames import Outgoing
from hub.messaging.lane import Lane
from hub.messaging.publisher import MESSAGE_BYTES, MESSAGE_COMMANDS, CommandPublisher, open_command_publisher
from hub.messaging.topology import COMMANDS, QUORUM, command_queue
from tests.rooms.broker_proxy import eventually, open_proxy
from tests.rooms.broker_reader import count_of, read_queue


def a_command(number: int, size: int = 0) -> bytes:
    return orjson.dumps({"number": number, "fill": "x" * size})


def numbers_in(bodies: Sequence[bytes]) -> list[int]:
    return [command["number"] for body in bodies for command in orjson.loads(body)]


async def refused(publisher: CommandPublisher, partition: int = 0, number: int = 0) -> tuple[Unavailable, float]:
    """Publish, expect Unavailable, and tell how long it took."""
    started = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        await publisher.publish(partition, a_command(number))
    return caught.value, time.monotonic() - started


async def test_a_command_is_stored_persistently_as_a_list_of_one(amqp_url: str) -> None:
    async with (
        open_connection([amqp_url], name="test") as connection,
        open_command_publisher(connection, partitions=2, confirm_seconds=5) as publisher,
    ):
        await declare_topology(connection, 2)
        await publisher.publish(1, a_command(7))
        (message,) = await read_queue(amqp_url, command_queue(1), 1)
        assert orjson.loads(message.body) == [{"number": 7, "fill": ""}]
        assert message.content_type == "application/json"
        assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
        assert await count_of(amqp_url, command_queue(0)) == 0


async def test_what_arrives_together_travels_together_and_keeps_its_order(amqp_url: str) -> None:
    async with (
        open_connection([amqp_url], name="test") as connection,
        open_command_publisher(connection, partitions=1, confirm_seconds=5) as publisher,
    ):
        await declare_topology(connection, 1)
        await asyncio.gather(*(publisher.publish(0, a_command(number)) for number in range(1000)))
        messages = await count_of(amqp_url, command_queue(0))
        assert messages == 1000 / MESSAGE_COMMANDS
        read = await read_queue(amqp_url, command_queue(0), messages)
        assert numbers_in([message.body for message in read]) == list(range(1000))


async def test_in_a_crowd_the_first_waits_for_the_others(amqp_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.messaging.publisher.LINGER_SECONDS", 0.5)
    monkeypatch.setattr("hub.messaging.publisher.CROWDED_SECONDS", 60)
    async with (
        open_connection([amqp_url], name="test") as connection,
        open_command_publisher(connection, partitions=1, confirm_seconds=5) as publisher,
    ):
        await declare_topology(connection, 1)
        await asyncio.gather(publisher.publish(0, a_command(0)), publisher.publish(0, a_command(1)))
        first = asyncio.create_task(publisher.publish(0, a_command(2)))
        await asyncio.sleep(0.05)  # far longer than what would have sent it alone
        await asyncio.gather(first, publisher.publish(0, a_command(3)))
        messages = [numbers_in([message.body]) for message in await read_queue(amqp_url, command_queue(0), 2)]
        assert messages == [[0, 1], [2, 3]]


async def test_who_comes_one_after_the_other_waits_for_nobody(amqp_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.messaging.publisher.LINGER_SECONDS", 3600)
    async with (
        open_connection([amqp_url], name="test") as connection,
        open_command_publisher(connection, partitions=1, confirm_seconds=5) as publisher,
    ):
        await declare_topology(connection, 1)
        async with asyncio.timeout(5):
            for number in range(20):
                await publisher.publish(0, a_command(number))


async def test_a_message_stays_under_its_size_and_a_larger_command_goes_alone(amqp_url: str) -> None:
    async with (
        open_connection([amqp_url], name="test") as connection,
        open_command_publisher(connection, partitions=1, confirm_seconds=5) as publisher,
    ):
        await declare_topology(connection, 1)
        sizes = [400_000] * 5 + [MESSAGE_BYTES + 5] + [10]
        await asyncio.gather(*(publisher.publish(0, a_command(n, size)) for n, size in enumerate(sizes)))
        read = await read_queue(amqp_url, command_queue(0), 5)
        assert [len(orjson.loads(message.body)) for message in read] == [2, 2, 1, 1, 1]
        assert numbers_in([message.body for message in read]) == list(range(7))


async def test_a_list_travels_whole_and_in_line_with_single_commands(amqp_url: str) -> None:
    async with (
        open_connection([amqp_url], name="test") as connection,
        open_command_publisher(connection, partitions=1, confirm_seconds=5) as publisher,
    ):
        await declare_topology(connection, 1)
        await publisher.publish_batch(0, [])
        await asyncio.gather(
            publisher.publish(0, a_command(0)),
            publisher.publish_batch(0, [a_command(number) for number in range(1, 501)]),
            publisher.publish(0, a_command(501)),
        )
        read = await read_queue(amqp_url, command_queue(0), 3)
        assert [len(orjson.loads(message.body)) for message in read] == [1, 500, 1]
        assert numbers_in([message.body for message in read]) == list(range(502))


async def test_a_cancelled_caller_takes_nobody_with_it(amqp_url: str) -> None:
    async with (
        open_proxy(amqp_url) as proxy,
        open_connection([proxy.url], name="test") as connection,
        open_command_publisher(connection, partitions=1, confirm_seconds=5) as publisher,
    ):
        await declare_topology(connection, 1)
        await publisher.publish(0, a_command(0))
        proxy.freeze()
        flying = [asyncio.create_task(publisher.publish(0, a_command(number))) for number in (1, 2, 3)]
        await eventually(lambda: a_command(3) in proxy.held)
        waiting = [asyncio.create_task(publisher.publish(0, a_command(number))) for number in (4, 5, 6)]
        await eventually(lambda: len(publisher._partitions[0]._pending) == 3)
        flying[1].cancel()
        waiting[1].cancel()
        await asyncio.sleep(0)
        proxy.thaw()
        results = await asyncio.gather(*flying, *waiting, return_exceptions=True)
        assert [type(result) for result in results] == [type(None), asyncio.CancelledError, type(None)] * 2
        read = await read_queue(amqp_url, command_queue(0), 3)
        # 2 was on its way already; 5 had not been sent and is not.
        assert numbers_in([message.body for message in read]) == [0, 1, 2, 3, 4, 6]


async def test_no_confirm_in_time_is_unavailable_and_the_partition_recovers(amqp_url: str) -> None:
    async with (
        open_proxy(amqp_url) as proxy,
        open_connection([proxy.url], name="test") as connection,
        open_command_publisher(connection, partitions=2, confirm_seconds=1) as publisher,
    ):
        await declare_topology(connection, 2)
        await publisher.publish(0, a_command(0))
        proxy.freeze()
        started = time.monotonic()
        results = await asyncio.gather(
            *(refused(publisher, partition, number) for number in range(50) for partition in (0, 1))
        )
        assert time.monotonic() - started < 2
        assert any("no confirm" in str(fault) for fault, _ in results)
        for _ in range(3):
            _, seconds = await refused(publisher)
            assert seconds < 2
        proxy.thaw()
        await eventually(lambda: connection.fault() is None)
        await publisher.publish(0, a_command(99))
        await publisher.publish(1, a_command(99))


async def test_callers_that_keep_coming_while_nothing_answers_all_end_in_time(amqp_url: str) -> None:
    async with (
        open_proxy(amqp_url) as proxy,
        open_connection([proxy.url], name="test") as connection,
        open_command_publisher(connection, partitions=1, confirm_seconds=1) as publisher,
    ):
        await declare_topology(connection, 1)
        await publisher.publish(0, a_command(0))
        proxy.freeze()
        tasks = []
        for number in range(250):
            tasks.append(asyncio.create_task(refused(publisher, 0, number)))
            await asyncio.sleep(0.01)  # they keep coming, for longer than the first ones wait
        results = await asyncio.gather(*tasks)
        assert max(seconds for _, seconds in results) < 2.5  # 1.9 in peace
        proxy.thaw()


async def test_a_blocked_broker_is_refused_at_once_and_no_frames_pile_up(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        open_proxy(amqp_url) as proxy,
        open_connection([proxy.url], name="test") as connection,
        open_command_publisher(connection, partitions=1, confirm_seconds=5) as publisher,
    ):
        await declare_topology(connection, 1)
        await publisher.publish(0, a_command(0))
        proxy.say_blocked()
        await eventually(lambda: connection.fault() is not None)
        underlay = connection.underlay
        assert underlay is not None
        put: list[object] = []
        monkeypatch.setattr(underlay.write_queue, "put_nowait", put.append)
        results = await asyncio.gather(*(refused(publisher, 0, number) for number in range(100)))
        assert max(seconds for _, seconds in results) < 0.3
        assert all("alarm" in str(fault) for fault, _ in results)
        assert put == []
        monkeypatch.undo()
        proxy.say_unblocked()
        await eventually(lambda: connection.fault() is None)
        await publisher.publish(0, a_command(1))
        read = await read_queue(amqp_url, command_queue(0), 2)
        assert numbers_in([message.body for message in read]) == [0, 1]


async def test_a_cut_connection_is_unavailable_at_once_and_comes_back(amqp_url: str) -> None:
    async with (
        open_proxy(amqp_url) as proxy,
        open_connection([proxy.url], name="test") as connection,
        open_command_publisher(connection, partitions=1, confirm_seconds=5) as publisher,
    ):
        await declare_topology(connection, 1)
        await publisher.publish(0, a_command(0))
        proxy.freeze()
        flying = [asyncio.create_task(refused(publisher, 0, number)) for number in range(10)]
        await eventually(lambda: a_command(9) in proxy.held)
        started = time.monotonic()
        proxy.cut()
        for fault, _ in await asyncio.gather(*flying):
            assert "unknown" in fault.detail
        assert time.monotonic() - started < 0.3
        fault, seconds = await refused(publisher)
        assert "connection" in fault.detail
        assert seconds < 0.3
        proxy.thaw()
        await eventually(lambda: connection.fault() is None)
        await publisher.publish(0, a_command(11))


async def test_a_full_queue_is_refused_after_one_retry_on_a_new_channel(amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as plain:
        channel = await plain.channel()
        arguments = {**QUORUM, "x-max-length": 1, "x-overflow": "reject-publish"}
        queue = await channel.declare_queue(command_queue(0), durable=True, arguments=arguments)
        await channel.declare_exchange(COMMANDS, "direct", durable=True)
        await queue.bind(COMMANDS, "0")
        async with (
            open_connection([amqp_url], name="test") as connection,
            open_command_publisher(connection, partitions=1, confirm_seconds=2) as publisher,
        ):
            faults: list[Unavailable] = []
            for number in range(20):  # the limit is not exact
                try:
                    await publisher.publish(0, a_command(number))
                except Unavailable as fault:
                    faults.append(fault)
            assert faults
            assert all("refused" in fault.detail for fault in faults)
            assert all(fault.what == "hub.commands.0" for fault in faults)
            await queue.purge()
            await publisher.publish(0, a_command(99))


async def test_a_command_that_no_queue_takes_is_not_accepted(amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as plain:
        channel = await plain.channel()
        await channel.declare_exchange(COMMANDS, "direct", durable=True)
        async with (
            open_connection([amqp_url], name="test") as connection,
            open_command_publisher(connection, partitions=1, confirm_seconds=2) as publisher,
        ):
            fault, seconds = await refused(publisher)
            assert "hub topology apply" in fault.detail
            assert seconds < 0.5
            await declare_topology(connection, 1)
            await publisher.publish(0, a_command(1))


async def test_a_missing_exchange_is_unavailable_and_heals(amqp_url: str) -> None:
    async with (
        open_connection([amqp_url], name="test") as connection,
        open_command_publisher(connection, partitions=1, confirm_seconds=2) as publisher,
    ):
        fault, seconds = await refused(publisher)
        assert "hub.commands" in str(fault)
        assert seconds < 0.5
        await declare_topology(connection, 1)
        await publisher.publish(0, a_command(1))


async def test_one_partition_in_trouble_does_not_hold_up_another(amqp_url: str) -> None:
    async with (
        open_connection([amqp_url], name="test") as connection,
        open_command_publisher(connection, partitions=2, confirm_seconds=2) as publisher,
    ):
        await declare_topology(connection, 2)
        async with await aio_pika.connect(amqp_url) as plain:
            await (await plain.channel()).queue_delete(command_queue(0))
        troubled = asyncio.gather(*(refused(publisher, 0, number) for number in range(20)))
        await asyncio.gather(*(publisher.publish(1, a_command(number)) for number in range(200)))
        await troubled
        assert await count_of(amqp_url, command_queue(1)) >= 1


async def test_the_next_host_is_tried_when_a_host_stops_answering(amqp_url: str) -> None:
    async with (
        open_proxy(amqp_url) as one,
        open_proxy(amqp_url) as other,
        open_connection([one.url, other.url], name="test") as connection,
        open_command_publisher(connection, partitions=1, confirm_seconds=1) as publisher,
    ):
        await declare_topology(connection, 1)
        await publisher.publish(0, a_command(0))
        used, spare = (one, other) if one.accepted else (other, one)
        used.freeze()
        await refused(publisher)  # no confirm: its channel is replaced
        await refused(publisher)  # the new channel does not open: the host is given up
        await eventually(lambda: spare.accepted > 0 and connection.fault() is None)
        await publisher.publish(0, a_command(1))
        used.thaw()


async def test_a_host_that_opens_channels_but_confirms_nothing_is_left(amqp_url: str) -> None:
    async with (
        open_proxy(amqp_url) as one,
        open_proxy(amqp_url) as other,
        open_connection([one.url, other.url], name="test") as connection,
    ):
        publisher = CommandPublisher(connection, 4, 1)
        first = connection.underlay
        await publisher.note_silence(1)
        publisher.note_confirm()
        await publisher.note_silence(1)
        assert connection.underlay is first
        await publisher.note_silence(2)
        await eventually(lambda: connection.fault() is None and connection.underlay is not first)
        assert one.accepted == other.accepted == 1


async def test_closing_finishes_what_was_taken_and_refuses_the_rest(amqp_url: str) -> None:
    async with open_connection([amqp_url], name="test") as connection:
        async with open_command_publisher(connection, partitions=1, confirm_seconds=2) as publisher:
            await declare_topology(connection, 1)
            tasks = [asyncio.create_task(publisher.publish(0, a_command(number))) for number in range(300)]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        await refused(publisher)
        read = await read_queue(amqp_url, command_queue(0), 2)
        assert numbers_in([message.body for message in read]) == list(range(300))


async def test_an_error_in_the_body_keeps_its_type(amqp_url: str) -> None:
    async with open_connection([amqp_url], name="test") as connection:
        with pytest.raises(KeyError):
            async with open_command_publisher(connection, partitions=1, confirm_seconds=2):
                raise KeyError


async def test_a_refusal_that_a_new_channel_cures_is_not_seen_by_the_caller(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # After a failover an old channel gets Nack for every publish, a new one does not.
    channels: list[Channel] = []
    write = Lane._write

    async def nack_first(
        lane: Lane, channel: Channel, messages: Sequence[Outgoing], until: float
    ) -> BaseException | None:
        channels.append(channel)
        if len(channels) == 1:
            return DeliveryError(None, spec.Basic.Nack(delivery_tag=1))
        return await write(lane, channel, messages, until)

    monkeypatch.setattr(Lane, "_write", nack_first)
    async with (
        open_connection([amqp_url], name="test") as connection,
        open_command_publisher(connection, partitions=1, confirm_seconds=2) as publisher,
    ):
        await declare_topology(connection, 1)
        await publisher.publish(0, a_command(1))
    assert len(set(channels)) == 2
