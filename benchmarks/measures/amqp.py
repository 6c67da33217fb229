"""The AMQP door: commands in lists, end to end, against single writes over HTTP; and what the broker's questions cost a publisher.

RabbitMQ asks the hub about every pharmacy's rights and remembers the answer for three seconds. A user of RabbitMQ's own, with
the same name, is never asked about: the same publisher under both is the cost of asking.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from time import monotonic
from urllib.parse import quote, urlsplit

import aiohttp
import aiormq
from aiormq import spec
from dotenv import dotenv_values

from benchmarks.faults import BenchFault
from benchmarks.figures import Figure, Target
from benchmarks.hub import Pharmacy
from benchmarks.measures.writes import write_to_hub
from benchmarks.stage import ITEMS, Stage, interleave

LIST = 50
WITHOUT_ASKING = "internal"
AT_ONCE = 8
CONNECTIONS = 64
MESSAGES = 1_000  # few, for each is followed by a command of the hub's own, which the next round waits for
_numbers = count(1)


async def measure(stage: Stage) -> list[Figure]:
    """Drive both doors in turn, then the same publisher with and without the hub being asked."""
    seconds = stage.effort.seconds

    def over_amqp(clients: int) -> Callable[[], Awaitable[float]]:
        return lambda: _publish_lists(stage, stage.pharmacies[:clients], round(seconds))

    def over_http(connections: int) -> Callable[[], Awaitable[float]]:
        async def write() -> float:
            pharmacies = stage.pharmacies[:connections]
            run = await write_to_hub(stage, pharmacies, ITEMS, connections=connections, seconds=seconds)
            return run.applied_per_second

        return write

    asked, free = await stage.add_pharmacy(0), await stage.add_pharmacy(0)
    await _make_internal_user(stage, free)

    async def with_asking() -> float:
        return 1e6 / await _publish_one_by_one(stage, asked, asked.api_key)

    async def without() -> float:
        return 1e6 / await _publish_one_by_one(stage, free, WITHOUT_ASKING)

    rounds = stage.effort.rounds
    one, single = await interleave(rounds, over_amqp(1), over_http(1))
    amqp, http = await interleave(rounds, over_amqp(len(stage.pharmacies)), over_http(CONNECTIONS))
    cost, bare = await interleave(rounds, with_asking, without)
    aim = Target("ratio", "least", 5)
    return [
        Figure("amqp", f"commands in lists of {LIST}, one client", "/s", one, single, "HTTP, single, one client", aim),
        Figure("amqp", f"commands in lists of {LIST}, {len(stage.pharmacies)} clients", "/s", amqp, http, f"HTTP, single, {CONNECTIONS} clients", aim),
        Figure("amqp", "a confirmed publish, rights asked", "us", cost, bare, "never asked", Target("ratio", "most", 1.5)),
    ]  # fmt: skip


async def _publish_lists(stage: Stage, pharmacies: Sequence[Pharmacy], turns: int) -> float:
    """Publish lists of sales, confirmed, and wait until the last is applied; commands a second, end to end.

    A number of them and not for a time: what is published is many times what is applied meanwhile.
    """
    before = await stage.hub.last_sequences(pharmacies)
    began = monotonic()
    sent = sum(await asyncio.gather(*(_publish_some(stage, each, turns) for each in pharmacies)))
    applied, ended = await stage.hub.wait_until_applied(pharmacies, before, sent)
    if applied != sent:
        message = f"{sent} sales published, {applied} events"
        raise BenchFault(message)
    return applied / (ended - began)


async def _publish_some(stage: Stage, pharmacy: Pharmacy, turns: int) -> int:
    connection = await aiormq.connect(_address(stage, pharmacy, pharmacy.api_key))
    try:
        channel = await connection.channel()
        sent = 0
        for _ in range(turns):
            bodies = [
                [
                    {"sku": f"B{next(_numbers) % ITEMS + 1:06d}", "quantity": 1, "total_price": "9.90"}
                    for _ in range(LIST)
                ]
                for _ in range(AT_ONCE)
            ]
            await asyncio.gather(
                *(_publish(channel, stage, pharmacy, "sale.record", json.dumps(body).encode()) for body in bodies)
            )
            sent += LIST * AT_ONCE
        return sent
    finally:
        await connection.close()


async def _publish_one_by_one(stage: Stage, pharmacy: Pharmacy, password: str) -> float:
    """Publish single small commands, eight at once, each confirmed; messages a second."""
    connection = await aiormq.connect(_address(stage, pharmacy, password))
    body = json.dumps({"event_type": "bench", "payload": 1}).encode()
    before = await stage.hub.last_sequences([pharmacy])
    try:
        channel = await connection.channel()
        began, sent = monotonic(), 0
        while sent < MESSAGES:
            await asyncio.gather(
                *(_publish(channel, stage, pharmacy, "webhook_event.receive", body) for _ in range(AT_ONCE))
            )
            sent += AT_ONCE
        rate = sent / (monotonic() - began)
    finally:
        await connection.close()
    # Twice: the hub marks each as processed. The next round begins at rest.
    await stage.hub.wait_until_applied([pharmacy], before, 2 * sent)
    return rate


async def _publish(
    channel: aiormq.abc.AbstractChannel, stage: Stage, pharmacy: Pharmacy, command: str, body: bytes
) -> None:
    properties = spec.Basic.Properties(
        user_id=pharmacy.id, message_id=f"{stage.new_name()}-{next(_numbers)}", message_type=command,
        content_type="application/json", delivery_mode=2,
    )  # fmt: skip
    await channel.basic_publish(
        body, exchange="hub.ingress", routing_key=pharmacy.id, properties=properties, mandatory=True
    )


def _address(stage: Stage, pharmacy: Pharmacy, password: str) -> str:
    place = urlsplit(stage.hub.amqp_url).netloc.rpartition("@")[2]
    return f"amqp://{pharmacy.id}:{quote(password)}@{place}/"


async def _make_internal_user(stage: Stage, pharmacy: Pharmacy) -> None:
    """Make a user of RabbitMQ's own that is called as the pharmacy: RabbitMQ asks its own users' table first."""
    settings = dotenv_values(f"{stage.hub.environment['HUB_DATA_DIR']}/hub.env", interpolate=False)
    address = settings["HUB_AMQP_MANAGEMENT_URL"] or ""
    rights = {"configure": "^$", "write": "^hub[.]ingress$", "read": "^$"}
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        await session.put(f"{address}/api/users/{pharmacy.id}", json={"password": WITHOUT_ASKING, "tags": ""})
        await session.put(f"{address}/api/permissions/%2F/{pharmacy.id}", json=rights)
