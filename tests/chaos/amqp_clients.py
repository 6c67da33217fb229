"""Clients that write over AMQP: logged in as their pharmacy with its key, every command confirmed, repeated until it is.

Each message asks for a receipt, which may come long after the client has said its last word.
"""

import asyncio
import random
from contextlib import suppress
from dataclasses import replace

import aio_pika
import orjson
from aio_pika.abc import AbstractConnection, AbstractExchange, AbstractIncomingMessage
from yarl import URL

from hub.messaging.topology import INGRESS
from hub.settings import Settings
from tests.chaos.clients import Crowd, Pharmacy
from tests.chaos.commands import Command
from tests.chaos.history import History

_CONFIRM_SECONDS = 3.0
_AGAIN_SECONDS = 0.3
_DIRECT = "amq.rabbitmq.reply-to"
_LOST = (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError)


class Line:
    """A pharmacy's own connection to RabbitMQ, opened when it is needed; it has another name each time."""

    def __init__(self, settings: Settings, pharmacy: Pharmacy, history: History) -> None:
        """Open nothing yet."""
        self._settings = settings
        self._history = history
        self._opened = 0
        self._pharmacy = pharmacy
        self._connection: AbstractConnection | None = None
        self._exchange: AbstractExchange | None = None

    @property
    def name(self) -> str:
        """Name the connection that is open, or the next one."""
        return f"{self._pharmacy.number}.{self._opened + (self._exchange is None)}"

    async def publish(self, command: Command) -> None:
        """Publish a command and wait for the confirm.

        Raises:
            one of `_LOST`: it is unknown whether RabbitMQ has it.
        """
        exchange = self._exchange or await self._open()
        message = aio_pika.Message(
            _body(command), message_id=command.ref, type=command.type, user_id=str(self._pharmacy.id),
            content_type="application/json", delivery_mode=2, reply_to=_DIRECT, correlation_id=command.ref,
        )  # fmt: skip
        await exchange.publish(message, routing_key=str(self._pharmacy.id), mandatory=True, timeout=_CONFIRM_SECONDS)

    async def _open(self) -> AbstractExchange:
        name, address = self.name, URL(self._settings.amqp_urls[0])
        self._opened += 1
        self._connection = await aio_pika.connect(
            address.with_user(str(self._pharmacy.id)).with_password(self._pharmacy.key), timeout=5
        )
        channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        for part in (self._connection, channel):
            part.close_callbacks.add(lambda *_: self._history.write("gone", line=name))
        receipts = await channel.get_queue(_DIRECT, ensure=False)
        await receipts.consume(self._hear, no_ack=True)
        exchange = await channel.get_exchange(INGRESS, ensure=False)
        self._exchange = exchange
        return exchange

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        self._history.write("receipt", ref=message.correlation_id, told=orjson.loads(message.body))

    async def close(self) -> None:
        """Hang up; the next command opens it again."""
        if self._exchange is not None:
            self._history.write("gone", line=self.name)
        connection, self._connection, self._exchange = self._connection, None, None
        if connection is not None:
            with suppress(*_LOST):
                async with asyncio.timeout(1):
                    await connection.close()


async def write_amqp(crowd: Crowd, pharmacy: Pharmacy, settings: Settings) -> None:
    """Be one client that publishes one command after the other."""
    chance = random.Random(f"amqp {crowd.seed} {pharmacy.number}")
    line = Line(settings, pharmacy, crowd.history)
    crowd.lines.append(line)
    while await crowd.take(1):
        command = pharmacy.teller.next()
        assert isinstance(command, Command)
        await _insist(crowd, pharmacy, line, replace(command, is_keyed=True), chance)


async def hang_up(crowd: Crowd) -> None:
    """Close the connections of all clients: whoever is owed a receipt has it."""
    crowd.history.write("over")
    for line in crowd.lines:
        await line.close()


async def _insist(crowd: Crowd, pharmacy: Pharmacy, line: Line, command: Command, chance: random.Random) -> None:
    history, number = crowd.history, 0
    first = {
        "p": pharmacy.number, "door": "amqp", "type": command.type, "body": command.body,
        "resource": str(command.resource_id), "operation": str(command.operation_id),
    }  # fmt: skip
    while not crowd.is_over:
        number += 1
        facts = first if number == 1 else {"refs": [command.ref]}
        history.write("send", ref=command.ref, line=line.name, **{"try": number}, **facts)
        try:
            await line.publish(command)
        except _LOST as error:
            history.write("fail", ref=command.ref, error=type(error).__name__)
        except asyncio.CancelledError:  # aiormq wakes who waits on a lost connection with it
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            history.write("fail", ref=command.ref, error="CancelledError")
        else:
            history.write(
                "answer", ref=command.ref, refs=[command.ref], status=0, said="accepted",
                operation=str(command.operation_id), wrong="",
            )  # fmt: skip
            history.received()
            return
        await line.close()
        await asyncio.sleep(_AGAIN_SECONDS * chance.uniform(0.5, 1.5))


def _body(command: Command) -> bytes:
    """Write the HTTP body, with the `id` that the path would name."""
    is_new = command.type in {"inventory.create", "sale.record", "order.place", "webhook_event.receive"}
    return orjson.dumps(command.body if is_new else command.body | {"id": str(command.resource_id)})
