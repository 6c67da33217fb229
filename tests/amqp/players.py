"""Three clients that nobody adapted, each playing the same table: its rows one after the other, and each trick on a channel of its own."""

import asyncio
import json
import os
import subprocess
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import aio_pika
import orjson
import pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from pika.adapters.blocking_connection import BlockingChannel

from tests.amqp.table import Trick
from tests.kit.amqp import DIRECT, Till, shut
from tests.kit.node import node_modules
from tests.kit.wait import until

CLIENTS = ("pika", "aio-pika", "amqplib")
TABLE_JS = Path(__file__).with_name("table.js")
NAMES = {
    "content_type": "contentType", "content_encoding": "contentEncoding", "message_id": "messageId", "reply_to": "replyTo",
    "correlation_id": "correlationId", "user_id": "userId", "delivery_mode": "deliveryMode",
}  # fmt: skip
"""Properties as amqplib calls them, where that is not the name of the protocol."""
MADE_UP_BY_AIO_PIKA = frozenset({"no message id", "an empty message id"})
"""Rows that cannot be sent with it: it gives a message an id where there is none."""
TRICK_SECONDS = 30
TOO_LONG = "x" * 10_000


class Case(NamedTuple):
    """A row as it is sent.

    Args:
        is_answered: a receipt is to be waited for.
    """

    name: str
    body: bytes
    changes: Mapping[str, Any]
    is_answered: bool


class Played(NamedTuple):
    """What came of the table: the receipts of its rows, and what was said to each trick."""

    answers: Mapping[str, Any]
    refusals: Mapping[str, str]


def play(client: str, till: Till, cases: Sequence[Case], tricks: Mapping[str, Trick], place: Path) -> Played:
    """Let a client play these rows and tricks as a pharmacy.

    Args:
        place: a folder for packages of Node; skips the test where amqplib cannot be had.
    """
    match client:
        case "pika":
            return _play_with_pika(till, cases, tricks)
        case "aio-pika":
            return asyncio.run(_play_as_aio_pika(till, cases, tricks))
        case _:
            return _play_with_amqplib(till, cases, tricks, node_modules("amqplib", place))


def _properties(till: Till, case: Case) -> dict[str, Any]:
    return {
        "user_id": till.id, "message_id": str(uuid4()), "type": "inventory.create", "content_type": "application/json",
        "delivery_mode": 2, "reply_to": DIRECT, "correlation_id": str(uuid4()), **case.changes,
    }  # fmt: skip


def _play_with_pika(till: Till, cases: Sequence[Case], tricks: Mapping[str, Trick]) -> Played:
    connection = till.connect()
    channel = connection.channel()
    channel.confirm_delivery()
    told: dict[str, Any] = {}
    channel.basic_consume(
        DIRECT,
        lambda _c, _m, told_of, body: told.__setitem__(told_of.correlation_id, orjson.loads(body)),
        auto_ack=True,
    )
    answers = {}
    for case in cases:
        members = _properties(till, case)
        channel.basic_publish("hub.ingress", till.id, case.body, pika.BasicProperties(**members), mandatory=True)
        if case.is_answered:
            until(lambda: connection.process_data_events(0.05) or members["correlation_id"] in told, within=15)  # noqa: B023
            answers[case.name] = told[members["correlation_id"]]
    refusals = {}
    for name, (step, *words) in tricks.items():
        trying = connection.channel()
        trying.confirm_delivery()
        try:
            _PIKA[step](trying, *words)
            refusals[name] = "it was done"
        except pika.exceptions.AMQPError as error:
            refusals[name] = repr(error)
    assert connection.is_open, "a refusal closes its channel alone"
    shut(connection)
    return Played(answers, refusals)


def _publish_with_pika(channel: BlockingChannel, exchange: str, key: str, user: str = "", size: str = "2") -> None:
    properties = pika.BasicProperties(user_id=user or None, message_id=str(uuid4()), type="inventory.create")
    channel.basic_publish(exchange, key, b"x" * int(size), properties)


def _spoil_with_pika(channel: BlockingChannel, name: str) -> None:
    channel.basic_publish("hub.ingress", "x", b"{}", pika.BasicProperties(**{name: TOO_LONG}))


_PIKA: Mapping[str, Callable[..., Any]] = {
    "publish": _publish_with_pika, "spoil": _spoil_with_pika, "declare": lambda channel, name, options: channel.queue_declare(name, **json.loads(options)),
    "exchange": lambda channel, name, kind, options="{}": channel.exchange_declare(name, kind, arguments=json.loads(options)), "bindExchange": BlockingChannel.exchange_bind,
    "bind": BlockingChannel.queue_bind, "unbind": BlockingChannel.queue_unbind, "get": BlockingChannel.basic_get,
    "consume": lambda channel, name, how="": channel.basic_consume(name, lambda *_: None, exclusive=bool(how)), "purge": BlockingChannel.queue_purge,
    "remove": BlockingChannel.queue_delete, "removeExchange": BlockingChannel.exchange_delete,
}  # fmt: skip


async def _play_as_aio_pika(till: Till, cases: Sequence[Case], tricks: Mapping[str, Trick]) -> Played:
    port = till.stage.broker.amqp_port
    connection = await aio_pika.connect(host="127.0.0.1", port=port, login=till.id, password=till.key)
    async with connection:
        answers = await _answers(await connection.channel(), till, cases)
        refusals = {}
        for name, (step, *words) in tricks.items():
            channel = await connection.channel()
            try:
                async with asyncio.timeout(TRICK_SECONDS):
                    await _AIO_PIKA[step](channel, *words)
                refusals[name] = "it was done"
            except Exception as error:  # noqa: BLE001 -- compared below
                refusals[name] = f"{error!r} {error}"
        return Played(answers, refusals)


async def _answers(channel: AbstractChannel, till: Till, cases: Sequence[Case]) -> dict[str, Any]:
    waiting: dict[str, asyncio.Future[Any]] = {}

    async def take(message: AbstractIncomingMessage) -> None:
        waiting[str(message.correlation_id)].set_result(orjson.loads(message.body))

    direct = await channel.get_queue(DIRECT, ensure=False)
    await direct.consume(take, no_ack=True)
    exchange = await channel.get_exchange("hub.ingress", ensure=False)
    told = {}
    for case in cases:
        if case.name in MADE_UP_BY_AIO_PIKA:
            continue
        members = _properties(till, case)
        answer = waiting[members["correlation_id"]] = asyncio.get_running_loop().create_future()
        await exchange.publish(aio_pika.Message(case.body, **members), till.id)
        if case.is_answered:
            told[case.name] = await asyncio.wait_for(answer, 15)
    return told


async def _publish(channel: AbstractChannel, exchange: str, key: str, user: str = "", size: str = "2") -> None:
    message = aio_pika.Message(b"x" * int(size), user_id=user or None, message_id=str(uuid4()), type="inventory.create")
    place = await channel.get_exchange(exchange, ensure=False) if exchange else channel.default_exchange
    await place.publish(message, key)


async def _spoil(channel: AbstractChannel, name: str) -> None:
    members: Any = {name: TOO_LONG}
    exchange = await channel.get_exchange("hub.ingress", ensure=False)
    await exchange.publish(aio_pika.Message(b"{}", **members), "x")


async def _bind_exchange(channel: AbstractChannel, to: str, source: str, key: str) -> None:
    exchange = await channel.get_exchange(to, ensure=False)
    await exchange.bind(source, key)


def _queue(step: str, *more: Any) -> Callable[..., Awaitable[Any]]:
    async def play(channel: AbstractChannel, name: str, *words: str) -> None:
        queue = await channel.get_queue(name, ensure=False)
        await getattr(queue, step)(*more, *words)

    return play


async def _ignore(_message: AbstractIncomingMessage) -> None:
    """Take what should never come."""


async def _consume(channel: AbstractChannel, name: str, how: str = "") -> None:
    queue = await channel.get_queue(name, ensure=False)
    await queue.consume(_ignore, exclusive=bool(how))


_AIO_PIKA: Mapping[str, Callable[..., Awaitable[Any]]] = {
    "publish": _publish, "spoil": _spoil, "bindExchange": _bind_exchange,
    "declare": lambda channel, name, options: channel.declare_queue(name or None, **json.loads(options)),
    "exchange": lambda channel, name, kind, options="{}": channel.declare_exchange(name, kind, arguments=json.loads(options)), "bind": _queue("bind"), "unbind": _queue("unbind"),
    "get": _queue("get"), "consume": _consume, "purge": _queue("purge"), "remove": _queue("delete"),
    "removeExchange": lambda channel, name: channel.exchange_delete(name),
}  # fmt: skip


def _play_with_amqplib(
    till: Till, cases: Sequence[Case], tricks: Mapping[str, Trick], environment: Mapping[str, str]
) -> Played:
    told = [
        {
            "name": case.name, "body": b64encode(case.body).decode(), "answered": case.is_answered,
            # What is not set is left out of the frame; null would be sent as a value.
            "properties": {NAMES.get(name, name): value for name, value in case.changes.items() if value is not None},
            "without": [NAMES.get(name, name) for name, value in case.changes.items() if value is None],
        }
        for case in cases
    ]  # fmt: skip
    played = [
        {"name": name, "step": step, "words": [NAMES.get(word, word) for word in words]}
        for name, (step, *words) in tricks.items()
    ]
    asked = {
        "port": till.stage.broker.amqp_port,
        "user": till.id,
        "password": till.key,
        "cases": told,
        "tricks": played,
    }
    done = subprocess.run(
        ["node", str(TABLE_JS)], input=json.dumps(asked), env=os.environ | environment, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Played(**json.loads(done.stdout))
