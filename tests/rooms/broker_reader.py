"""Reads what a queue holds, in order, on a connection of its own."""

import asyncio

import aio_pika
from aio_pika.abc import AbstractIncomingMessage


async def read_queue(url: str, queue: str, count: int, *, within: float = 10.0) -> list[AbstractIncomingMessage]:
    """Take and ack `count` messages; fails when they do not come."""
    got: list[AbstractIncomingMessage] = []
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=500)
        source = await channel.get_queue(queue, ensure=False)
        async with asyncio.timeout(within), source.iterator() as messages:
            while len(got) < count:
                message = await anext(messages)
                got.append(message)
                await message.ack()
    return got


async def count_of(url: str, queue: str) -> int:
    """Count the messages that are ready."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        declared = await channel.declare_queue(queue, passive=True)
        return int(declared.declaration_result.message_count or 0)
