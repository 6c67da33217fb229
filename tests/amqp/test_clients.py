"""Clients that nobody adapted pass the whole table: what is wrong is answered by name, what is not theirs is refused."""

import asyncio
import json
import os
import subprocess
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import aio_pika
import jsonschema_rs
import orjson
import pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from pika.adapters.blocking_connection import BlockingChannel

from hub.asyncapi import OPERATION
from tests.amqp.table import BODIES, ITEM, ODD, TRICKS, filled
from tests.kit.amqp import DIRECT, AmqpStage, Till, raw, shut
from tests.kit.node import node_modules
from tests.kit.wait import until

REFUSED = (
    "ACCESS_REFUSED", "ACCESS-REFUSED", "PRECONDITION_FAILED", "PRECONDITION-FAILED", "NOT_FOUND", "NOT-FOUND", "RESOURCE_LOCKED",
)  # fmt: skip
TABLE_JS = Path(__file__).with_name("table.js")
NAMES = {
    "content_type": "contentType", "content_encoding": "contentEncoding", "message_id": "messageId", "reply_to": "replyTo",
    "correlation_id": "correlationId", "user_id": "userId", "delivery_mode": "deliveryMode",
}  # fmt: skip
"""Properties as amqplib calls them, where that is not the name of the protocol."""

MADE_UP_BY_AIO_PIKA = {"no message id", "an empty message id"}
"""Rows that cannot be sent with it: it gives a message an id where there is none."""


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


@pytest.fixture
def pair(stage: AmqpStage) -> tuple[Till, Till]:
    """Two pharmacies with feeds: the one tries what is the other's."""
    both = stage.open_pharmacy("Client"), stage.open_pharmacy("Other")
    for till in both:
        assert till.http("POST", "/api/event-queue/", {}).status_code == 201
    return both


def _cases(till: Till, other: Till) -> list[Case]:
    wrong = [Case(name, raw(body), changes, is_answered=True) for name, (body, changes, _) in BODIES.items()]
    return wrong + [
        Case(name, raw({**ITEM, "sku": name}), filled(changes, till.id, other.id), is_answered=answer is not None)
        for name, (changes, answer) in ODD.items()
    ]


def _properties(till: Till, case: Case) -> dict[str, Any]:
    return {
        "user_id": till.id, "message_id": str(uuid4()), "type": "inventory.create", "content_type": "application/json",
        "delivery_mode": 2, "reply_to": DIRECT, "correlation_id": str(uuid4()), **case.changes,
    }  # fmt: skip


def _tricks(till: Till, other: Till) -> dict[str, list[str]]:
    return {name: filled(words, till.id, other.id) for name, words in TRICKS.items()}


def _play_with_pika(till: Till, other: Till) -> Played:
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
    for case in _cases(till, other):
        members = _properties(till, case)
        channel.basic_publish("hub.ingress", till.id, case.body, pika.BasicProperties(**members), mandatory=True)
        if case.is_answered:
            until(lambda: connection.process_data_events(0.05) or members["correlation_id"] in told, within=15)  # noqa: B023
            answers[case.name] = told[members["correlation_id"]]
    refusals = {}
    for name, (step, *words) in _tricks(till, other).items():
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


_PIKA: Mapping[str, Callable[..., Any]] = {
    "publish": _publish_with_pika, "declare": lambda channel, name, options: channel.queue_declare(name, **json.loads(options)),
    "exchange": lambda channel, name, kind: channel.exchange_declare(name, kind), "bindExchange": BlockingChannel.exchange_bind,
    "bind": BlockingChannel.queue_bind, "unbind": BlockingChannel.queue_unbind, "get": BlockingChannel.basic_get,
    "consume": lambda channel, name: channel.basic_consume(name, lambda *_: None), "purge": BlockingChannel.queue_purge,
    "remove": BlockingChannel.queue_delete, "removeExchange": BlockingChannel.exchange_delete,
}  # fmt: skip


def _play_with_aio_pika(till: Till, other: Till) -> Played:
    return asyncio.run(_play_as_aio_pika(till, other))


async def _play_as_aio_pika(till: Till, other: Till) -> Played:
    port = till.stage.broker.amqp_port
    connection = await aio_pika.connect(host="127.0.0.1", port=port, login=till.id, password=till.key)
    async with connection:
        answers = await _answers(await connection.channel(), till, other)
        refusals = {}
        for name, (step, *words) in _tricks(till, other).items():
            channel = await connection.channel()
            try:
                async with asyncio.timeout(10):
                    await _AIO_PIKA[step](channel, *words)
                refusals[name] = "it was done"
            except Exception as error:  # noqa: BLE001 -- compared below
                refusals[name] = f"{error!r} {error}"
        return Played(answers, refusals)


async def _answers(channel: AbstractChannel, till: Till, other: Till) -> dict[str, Any]:
    waiting: dict[str, asyncio.Future[Any]] = {}

    async def take(message: AbstractIncomingMessage) -> None:
        waiting[str(message.correlation_id)].set_result(orjson.loads(message.body))

    direct = await channel.get_queue(DIRECT, ensure=False)
    await direct.consume(take, no_ack=True)
    exchange = await channel.get_exchange("hub.ingress", ensure=False)
    told = {}
    for case in _cases(till, other):
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


_AIO_PIKA: Mapping[str, Callable[..., Awaitable[Any]]] = {
    "publish": _publish, "bindExchange": _bind_exchange,
    "declare": lambda channel, name, options: channel.declare_queue(name or None, **json.loads(options)),
    "exchange": lambda channel, name, kind: channel.declare_exchange(name, kind), "bind": _queue("bind"), "unbind": _queue("unbind"),
    "get": _queue("get"), "consume": _queue("consume", _ignore), "purge": _queue("purge"), "remove": _queue("delete"),
    "removeExchange": lambda channel, name: channel.exchange_delete(name),
}  # fmt: skip


def _play_with_amqplib(till: Till, other: Till, environment: Mapping[str, str]) -> Played:
    cases = [
        {
            "name": case.name, "body": b64encode(case.body).decode(), "answered": case.is_answered,
            # What is not set is left out of the frame; null would be sent as a value.
            "properties": {NAMES.get(name, name): value for name, value in case.changes.items() if value is not None},
            "without": [NAMES.get(name, name) for name, value in case.changes.items() if value is None],
        }
        for case in _cases(till, other)
    ]  # fmt: skip
    tricks = [{"name": name, "step": step, "words": words} for name, (step, *words) in _tricks(till, other).items()]
    asked = {
        "port": till.stage.broker.amqp_port,
        "user": till.id,
        "password": till.key,
        "cases": cases,
        "tricks": tricks,
    }
    done = subprocess.run(
        ["node", str(TABLE_JS)], input=json.dumps(asked), env=os.environ | environment, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Played(**json.loads(done.stdout))


def _parked(stage: AmqpStage) -> int:
    return int(stage.sql("SELECT count(*) FROM parked_messages"))


@pytest.mark.parametrize("client", ["pika", "aio-pika", "amqplib"])
def test_a_client_that_nobody_adapted_passes_the_whole_table(
    stage: AmqpStage, pair: tuple[Till, Till], client: str, tmp_path: Path
) -> None:
    till, other = pair
    before, parked = other.events(), _parked(stage)
    feed = other.http("GET", "/api/event-queue/").json()
    match client:
        case "pika":
            played = _play_with_pika(till, other)
        case "aio-pika":
            played = _play_with_aio_pika(till, other)
        case _:
            played = _play_with_amqplib(till, other, node_modules("amqplib", tmp_path))
    left_out = MADE_UP_BY_AIO_PIKA if client == "aio-pika" else frozenset[str]()
    expected: dict[str, tuple[str, str | None]] = {
        what: ("rejected", slug) for what, (_, _, slug) in BODIES.items() if what not in left_out
    }
    expected |= {what: answer for what, (_, answer) in ODD.items() if answer is not None}
    receipts = {what: told[0] if isinstance(told, list) else told for what, told in played.answers.items()}
    for told in receipts.values():
        jsonschema_rs.validator_for(OPERATION).validate(told)
    assert {what: (told["status"], _slug(told)) for what, told in receipts.items()} == expected
    assert played.refusals.keys() == TRICKS.keys()
    assert {name: said for name, said in played.refusals.items() if not any(word in said for word in REFUSED)} == {}
    items = till.http("GET", "/api/inventory/?limit=500").json()["items"]
    assert {item["sku"] for item in items} == {
        what for what, (_, answer) in ODD.items() if answer in {None, ("applied", None)}
    }
    assert (other.events(), other.http("GET", "/api/event-queue/").json()) == (before, feed)
    # Its own feed was named as a place for receipts: there is nothing in it but its events.
    until(lambda: till.http("GET", "/api/event-queue/").json()["depth"] == len(till.events()) - 1)
    until(lambda: _parked(stage) > parked)  # what has no user
    assert _parked(stage) == parked + 1


def _slug(told: Mapping[str, Any]) -> str | None:
    return str(told["problem"]["type"]).removeprefix("/problems/") if told["problem"] else None
