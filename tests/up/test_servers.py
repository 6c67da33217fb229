"""The servers that tests share."""

from urllib.parse import urlsplit

import aio_pika
import asyncpg


async def test_a_test_has_a_database_and_a_virtual_host_of_its_own(database_url: str, amqp_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT current_database()") == urlsplit(database_url).path[1:]
        assert await connection.fetchval("SHOW listen_addresses") == "127.0.0.1"
    finally:
        await connection.close()
    async with await aio_pika.connect(amqp_url) as broker:
        channel = await broker.channel()
        queue = await channel.declare_queue("mine", durable=True, arguments={"x-queue-type": "quorum"})
        await channel.default_exchange.publish(aio_pika.Message(b"hello"), "mine")
        message = await queue.get(timeout=5)
        assert message is not None
        assert message.body == b"hello"
