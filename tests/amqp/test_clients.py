"""Clients that nobody adapted pass the whole table: what is wrong is answered by name, what is not theirs is refused.

pika plays each row as a test of its own (`test_inputs.py`, `test_walls.py`); here are aio-pika and Node's amqplib.
"""

import asyncio
import json
import os
import subprocess
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import orjson
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from tests.amqp.test_inputs import BODIES
from tests.kit.amqp import DIRECT, AmqpStage, Till, raw
from tests.kit.node import node_modules

REFUSED = ("ACCESS_REFUSED", "ACCESS-REFUSED", "PRECONDITION_FAILED", "PRECONDITION-FAILED", "NOT_FOUND", "NOT-FOUND")
TABLE_JS = Path(__file__).with_name("table.js")
TRICKS: Mapping[str, tuple[str, ...]] = {
    "declare an own queue": ("declare", "{till}.mine"), "declare an exchange": ("exchange", "{till}.mine"),
    "bind the events to ingress": ("bindExchange", "hub.ingress", "hub.events", "#"),
    "bind an own feed to another's events": ("bind", "hub.out.{till}", "hub.events", "{other}.#"),
    "get from another's feed": ("get", "hub.out.{other}"), "consume another's feed": ("consume", "hub.out.{other}"),
    "purge another's feed": ("purge", "hub.out.{other}"), "delete another's feed": ("remove", "hub.out.{other}"),
    "delete its own feed": ("remove", "hub.out.{till}"), "read commands": ("consume", "hub.commands.0"),
    "read ingress": ("consume", "hub.ingress.0"), "read parked messages": ("consume", "hub.dead"),
    "another's routing key": ("publish", "hub.ingress", "{other}"), "a longer routing key": ("publish", "hub.ingress", "{till}.x"),
    "a wild routing key": ("publish", "hub.ingress", "#"), "no routing key": ("publish", "hub.ingress", ""),
    "forge a user": ("publish", "hub.ingress", "{till}", "{other}"), "forge the hub": ("publish", "hub.ingress", "{till}", "hub"),
    "publish commands": ("publish", "hub.commands", "0"), "publish to a partition's queue": ("publish", "", "hub.commands.0"),
    "publish to another's feed": ("publish", "", "hub.out.{other}"), "publish events": ("publish", "hub.events", "{till}.sale.recorded"),
    "publish notices": ("publish", "hub.control", ""), "publish to the parked": ("publish", "", "hub.dead"),
}  # fmt: skip
NAMES = {"content_type": "contentType", "content_encoding": "contentEncoding", "message_id": "messageId"}
"""Properties as amqplib calls them, where that is not the name of the protocol."""

MADE_UP_BY_AIO_PIKA = ("no message id", "an empty message id")
"""Rows that cannot be sent with it: it gives a message an id where there is none."""

Played = tuple[Mapping[str, Any], Mapping[str, str]]
"""The receipts of the table's rows, and what was said to each trick."""


@pytest.fixture(scope="module")
def pair(stage: AmqpStage) -> tuple[Till, Till]:
    """Two pharmacies with feeds: the one tries what is the other's."""
    both = stage.open_pharmacy("Client"), stage.open_pharmacy("Other")
    for till in both:
        assert till.http("POST", "/api/event-queue/", {}).status_code == 201
    return both


def _words(words: tuple[str, ...], till: Till, other: Till) -> list[str]:
    return [word.format(till=till.id, other=other.id) for word in words]


async def _play_with_aio_pika(till: Till, other: Till) -> Played:
    port = till.stage.broker.amqp_port
    connection = await aio_pika.connect(host="127.0.0.1", port=port, login=till.id, password=till.key)
    async with connection:
        answers = await _table(await connection.channel(), till)
        refusals = {}
        for name, (step, *words) in TRICKS.items():
            channel = await connection.channel()
            try:
                async with asyncio.timeout(10):
                    await _STEPS[step](channel, *_words(tuple(words), till, other))
                refusals[name] = "it was done"
            except Exception as error:  # noqa: BLE001 -- compared below
                refusals[name] = f"{error!r} {error}"
        return answers, refusals


async def _table(channel: AbstractChannel, till: Till) -> dict[str, Any]:
    waiting: dict[str, asyncio.Future[Any]] = {}

    async def take(message: AbstractIncomingMessage) -> None:
        waiting[str(message.correlation_id)].set_result(orjson.loads(message.body))

    direct = await channel.get_queue(DIRECT, ensure=False)
    await direct.consume(take, no_ack=True)
    exchange = await channel.get_exchange("hub.ingress", ensure=False)
    told = {}
    for what in BODIES.keys() - set(MADE_UP_BY_AIO_PIKA):
        body, changes, _ = BODIES[what]
        correlation = str(uuid4())
        waiting[correlation] = asyncio.get_running_loop().create_future()
        members: dict[str, Any] = {
            "user_id": till.id, "message_id": str(uuid4()), "type": "inventory.create", "content_type": "application/json",
            "delivery_mode": 2, "reply_to": DIRECT, "correlation_id": correlation, **changes,
        }  # fmt: skip
        await exchange.publish(aio_pika.Message(raw(body), **members), till.id)
        told[what] = await asyncio.wait_for(waiting[correlation], 15)
    return told


async def _publish(channel: AbstractChannel, exchange: str, key: str, user_id: str | None = None) -> None:
    message = aio_pika.Message(
        b"{}", user_id=user_id, message_id=str(uuid4()), type="inventory.create", content_type="application/json"
    )
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


_STEPS: Mapping[str, Callable[..., Awaitable[Any]]] = {
    "publish": _publish, "bindExchange": _bind_exchange, "declare": lambda channel, name: channel.declare_queue(name),
    "exchange": lambda channel, name: channel.declare_exchange(name, "fanout"), "bind": _queue("bind"), "get": _queue("get"),
    "consume": _queue("consume", _ignore), "purge": _queue("purge"), "remove": _queue("delete"),
}  # fmt: skip


def _play_with_amqplib(till: Till, other: Till, environment: Mapping[str, str]) -> Played:
    cases = [
        {
            "name": what, "body": b64encode(raw(body)).decode(),
            # What is not set is left out of the frame; null would be sent as a value.
            "properties": {NAMES.get(name, name): value for name, value in changes.items() if value is not None},
            "without": [NAMES.get(name, name) for name, value in changes.items() if value is None],
        }
        for what, (body, changes, _) in BODIES.items()
    ]  # fmt: skip
    tricks = [{"name": name, "step": step, "words": _words(tuple(words), till, other)} for name, (step, *words) in TRICKS.items()]  # fmt: skip
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
    played = json.loads(done.stdout)
    return played["answers"], played["refusals"]


@pytest.mark.parametrize("client", ["aio-pika", "amqplib"])
def test_a_client_that_nobody_adapted_passes_the_whole_table(
    pair: tuple[Till, Till], client: str, tmp_path: Path
) -> None:
    till, other = pair
    before = other.events()
    if client == "aio-pika":
        answers, refusals = asyncio.run(_play_with_aio_pika(till, other))
    else:
        answers, refusals = _play_with_amqplib(till, other, node_modules("amqplib", tmp_path))
    receipts = {what: told[0] if isinstance(told, list) else told for what, told in answers.items()}
    found = {what: (told["status"], (told["problem"] or {}).get("type")) for what, told in receipts.items()}
    left_out = MADE_UP_BY_AIO_PIKA if client == "aio-pika" else ()
    expected = {
        what: ("rejected", f"/problems/{slug}") for what, (_, _, slug) in BODIES.items() if what not in left_out
    }
    assert found == expected
    assert {name: said for name, said in refusals.items() if not any(word in said for word in REFUSED)} == {}
    assert refusals.keys() == TRICKS.keys()
    assert other.events() == before
    assert till.http("GET", "/api/inventory/").json()["items"] == []
    sent = till.send("inventory.create", {"sku": f"after {client}", "name": "A", "price": "1.00"})
    assert sent["status"] == "applied"
    assert till.http("DELETE", f"/api/inventory/{sent['resource']['id']}/").status_code == 204
