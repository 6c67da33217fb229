"""Outcomes reach exactly those who wait for them, also after a reconnect."""

import asyncio
from contextlib import ExitStack
from uuid import UUID, uuid4

import pytest

from hub.messaging.bulk_publisher import BulkPublisher
from hub.messaging.connection import open_connection
from hub.messaging.replies import Replies, open_replies, replies_messages
from tests.rooms.broker_proxy import a_free_port, eventually, open_proxy


def an_outcome(operation_id: UUID, status: str = "applied") -> dict[str, object]:
    return {"operation_id": str(operation_id), "status": status}


async def test_each_waiter_gets_the_outcome_of_its_operation(amqp_url: str) -> None:
    one, two, unknown = uuid4(), uuid4(), uuid4()
    async with (
        open_connection([amqp_url], name="test") as connection,
        open_replies(connection, "g1") as replies,
    ):
        assert replies.is_listening
        assert replies.queue_name == "hub.replies.g1"
        publisher = BulkPublisher(connection, confirm_seconds=2)
        with replies.wait_for(one) as first, replies.wait_for(two) as second, replies.wait_for(one) as also_first:
            outcomes = [an_outcome(unknown), an_outcome(two, "rejected"), an_outcome(one)]
            await publisher.publish([*replies_messages(replies.queue_name, outcomes)])
            async with asyncio.timeout(2):
                assert (await first)["status"] == "applied"
                assert (await second)["status"] == "rejected"
                assert (await also_first)["status"] == "applied"


async def test_outcomes_that_are_more_than_a_message_takes_come_in_several(amqp_url: str) -> None:
    waiting = [uuid4() for _ in range(16)]
    async with open_connection([amqp_url], name="test") as connection, open_replies(connection, "g1") as replies:
        publisher = BulkPublisher(connection, confirm_seconds=5)
        with ExitStack() as waits:
            answers = [waits.enter_context(replies.wait_for(operation)) for operation in waiting]
            outcomes = [an_outcome(operation, "y" * 900_000) for operation in waiting]
            await publisher.publish([*replies_messages(replies.queue_name, outcomes)])
            async with asyncio.timeout(5):
                assert [(await answer)["operation_id"] for answer in answers] == list(map(str, waiting))


async def test_who_gave_up_is_forgotten_and_hurts_nobody() -> None:
    replies = Replies("hub.replies.x")
    operation = uuid4()
    with replies.wait_for(operation) as stays:
        with pytest.raises(TimeoutError), replies.wait_for(operation) as leaves:
            async with asyncio.timeout(0.01):
                await leaves
        replies.hear(b"not JSON")
        replies.hear(b'[{"no": "id"}]')
        replies.hear(b"[" + b'{"operation_id":"' + str(operation).encode() + b'"}]')
        replies.hear(b"[" + b'{"operation_id":"' + str(operation).encode() + b'"}]')
        assert (await stays)["operation_id"] == str(operation)
    assert replies._waiting == {}


async def test_the_queue_comes_back_under_its_name_after_a_lost_connection(amqp_url: str) -> None:
    async with (
        open_proxy(amqp_url) as proxy,
        open_connection([proxy.url], name="test") as connection,
        open_connection([amqp_url], name="test") as others,
        open_replies(connection, "g1") as replies,
    ):
        publisher = BulkPublisher(others, confirm_seconds=2)
        for _ in range(2):
            proxy.cut()
            await eventually(lambda: not replies.is_listening)
            await eventually(lambda: replies.is_listening)
            operation = uuid4()
            with replies.wait_for(operation) as future:
                await publisher.publish([*replies_messages("hub.replies.g1", [an_outcome(operation)])])
                async with asyncio.timeout(2):
                    await future


async def test_a_deleted_queue_is_made_again(amqp_url: str) -> None:
    async with open_connection([amqp_url], name="test") as connection, open_replies(connection, "g1") as replies:
        underlay = connection.underlay
        assert underlay is not None
        channel = await underlay.channel()
        await channel.queue_delete(replies.queue_name)
        await eventually(lambda: not replies.is_listening)
        await eventually(lambda: replies.is_listening)


async def test_without_a_broker_replies_open_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.messaging.replies.FIRST_SECONDS", 0.1)
    url = f"amqp://guest:guest@127.0.0.1:{a_free_port()}/"
    async with (
        open_connection([url], name="test", wait_seconds=0.1) as connection,
        open_replies(connection, "g1") as replies,
    ):
        assert not replies.is_listening


async def test_an_error_in_the_body_keeps_its_type(amqp_url: str) -> None:
    async with open_connection([amqp_url], name="test") as connection:
        with pytest.raises(KeyError):
            async with open_replies(connection, "g1"):
                raise KeyError
