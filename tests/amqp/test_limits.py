"""The real limits: how many connections and channels one may have at once, with three clients that nobody adapted."""

import asyncio
import json
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import aio_pika
import pika
import pytest

from hub.messaging.server import CHANNEL_MAX
from hub.settings import Settings
from tests.amqp.players import CLIENTS
from tests.amqp.wild import Storm, Wild
from tests.kit.amqp import AmqpStage, Till, connections_of, shut
from tests.kit.node import node_modules
from tests.kit.wait import until
from tests.promises.outages import measured

ITEM = {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 5}
LIMITS_JS = Path(__file__).with_name("limits.js")
MOST = Settings.model_fields["amqp_connections"].default
LET_IN_SECONDS = 5.0
LOGINS = 10_000
TRIES = 10
"""One a second, as a client does that comes back: within three seconds RabbitMQ lets the same key in unasked."""
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


class Filled(NamedTuple):
    """What a client was told beyond each limit, and how many channels it got."""

    refused: str | None
    channels: int
    full: str


def _with_pika(till: Till) -> Filled:
    connections = [till.connect() for _ in range(MOST)]
    refused = None
    try:
        for _ in range(TRIES):
            time.sleep(1)  # between two looks of RabbitMQ
            try:
                connections.append(till.connect())
            except pika.exceptions.AMQPError as error:
                refused = f"{error!r}"
                break
        channels = 0
        while True:
            try:
                connections[0].channel()
            except pika.exceptions.AMQPError as error:
                return Filled(refused, channels, f"{error!r}")
            channels += 1
    finally:
        for connection in connections:
            shut(connection)


async def _with_aio_pika(till: Till) -> Filled:
    async def connect() -> aio_pika.abc.AbstractConnection:
        return await aio_pika.connect(
            host="127.0.0.1", port=till.stage.broker.amqp_port, login=till.id, password=till.key
        )

    connections = [await connect() for _ in range(MOST)]
    refused = None
    try:
        for _ in range(TRIES):
            await asyncio.sleep(1)  # as above
            try:
                connections.append(await connect())
            except aio_pika.exceptions.AMQPError as error:
                refused = f"{error!r} {error}"
                break
        channels = 0
        while True:
            try:
                async with asyncio.timeout(10):
                    await connections[0].channel()
            except Exception as error:  # noqa: BLE001 -- compared below
                return Filled(refused, channels, f"{error!r} {error}")
            channels += 1
    finally:
        for connection in connections:
            with suppress(Exception):
                await connection.close()


def _with_amqplib(till: Till, place: Path) -> Filled:
    environment = os.environ | node_modules("amqplib", place)
    asked = {
        "port": till.stage.broker.amqp_port, "user": till.id, "password": till.key, "most": MOST, "tries": TRIES,
    }  # fmt: skip
    done = subprocess.run(
        ["node", str(LIMITS_JS)], input=json.dumps(asked), env=environment, capture_output=True, text=True, check=False, timeout=120
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Filled(**json.loads(done.stdout))


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_has_all_that_it_may_and_is_told_where_it_ends(
    stage: AmqpStage, till: Till, client: str, tmp_path: Path
) -> None:
    match client:
        case "pika":
            filled = _with_pika(till)
        case "aio-pika":
            filled = asyncio.run(_with_aio_pika(till))
        case _:
            filled = _with_amqplib(till, tmp_path)
    assert filled.refused is not None
    assert "ACCESS_REFUSED" in filled.refused
    assert filled.channels == CHANNEL_MAX
    assert "hannel" in filled.full
    assert stage.open_pharmacy("Neighbour").send("inventory.create", ITEM)["status"] == "applied"
    until(lambda: till.send("inventory.create", ITEM)["status"] == "applied")


def test_all_channels_that_one_may_have_end_at_once_and_keep_nobody_out(stage: AmqpStage, till: Till) -> None:
    neighbour = stage.open_pharmacy("Neighbour")
    crowd = [Wild(till, CHANNEL_MAX) for _ in range(MOST)]
    for one in crowd:
        one.enter()
        one.open_channels(CHANNEL_MAX)
    for one in crowd:
        one.socket.close()
    began = time.monotonic()
    shut(neighbour.connect())
    assert time.monotonic() - began < LET_IN_SECONDS
    assert neighbour.send("inventory.create", ITEM)["status"] == "applied"


def test_ten_thousand_logins_of_one_pharmacy_keep_no_neighbour_out(stage: AmqpStage, till: Till) -> None:
    """Ever so many at a time, and each stays for as long as it may: the neighbour logs in anew for each message."""
    neighbour = stage.open_pharmacy("Neighbour")
    storm = Storm(till, LOGINS)
    slowest = 0.0
    with storm.raging():
        while storm.tried < LOGINS:
            began = time.monotonic()
            answer = neighbour.send("inventory.create", ITEM | {"sku": f"N-{uuid4().hex}"})
            assert answer["status"] == "applied"
            slowest = max(slowest, time.monotonic() - began)
        until(lambda: 0 < connections_of(stage, till) <= MOST, within=20)
    measured("a login with a receipt among ten thousand logins, the slowest", slowest)
    assert slowest < LET_IN_SECONDS
    until(lambda: _comes_in(till), within=30)
    assert storm.let_in >= MOST


def _comes_in(till: Till) -> bool:
    try:
        shut(till.connect())
    except pika.exceptions.AMQPError:
        return False
    return True
