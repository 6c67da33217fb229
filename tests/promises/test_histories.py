"""Random commands of 16 pharmacies while the consumers are killed: nothing lost, nothing twice, nothing out of order."""

import asyncio
import random
from collections import defaultdict
from functools import partial
from operator import le
from uuid import UUID

import asyncpg
import jsonschema_rs
import orjson
import pytest

from gateway.event_schemas import EVENTS, event_schema
from hub.messaging.topology import partition_of
from hub.settings import Settings
from tests.kit.door import open_test_door
from tests.kit.processes import consumers_process
from tests.kit.wait import eventually
from tests.promises.histories import Teller, Wish, quantities_said

PHARMACIES = 16
VALIDATORS = {name: jsonschema_rs.validator_for(event_schema(name)) for name in EVENTS}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("commands", "kills"),
    [pytest.param(6_000, 3, id="short"), pytest.param(50_000, 10, id="long", marks=pytest.mark.long)],
)
async def test_random_commands_survive_kills_of_the_consumers(settings: Settings, commands: int, kills: int) -> None:
    chance = random.Random(20261124)
    sent: dict[UUID, list[Wish]] = {}
    with consumers_process(settings) as consumers:
        async with open_test_door(settings) as door:
            tellers = [Teller(await door.open_pharmacy(), random.Random(chance.random())) for _ in range(PHARMACIES)]
            connection = await asyncpg.connect(settings.database_url.get_secret_value())

            async def finished() -> int:
                found: int = await connection.fetchval(
                    "SELECT count(*) FROM operations WHERE door = 'system' AND actor = 'system'"
                )
                return found

            async def publish() -> None:
                left = commands
                while left:
                    teller = chance.choice(tellers)
                    batch = [teller.next() for _ in range(min(left, chance.choice((1, 1, 1, 5, 20))))]
                    left -= len(batch)
                    sent.setdefault(teller.pharmacy_id, []).extend(batch)
                    partition = partition_of(teller.pharmacy_id, settings.partitions)
                    await door.door.publisher.publish_batch(partition, [wish.envelope() for wish in batch])

            async def kill() -> None:
                for number in range(1, kills + 1):
                    goal = commands * number // (kills + 2)
                    await eventually(finished, partial(le, goal), within=300)
                    consumers.kill()
                    consumers.restart()

            await asyncio.gather(publish(), kill())
            # `webhook_event.settle` comes from the background work, one for each received webhook.
            hooks = sum(wish.type == "webhook_event.receive" for wishes in sent.values() for wish in wishes)
            await eventually(finished, lambda count: count >= commands + hooks, within=300)
            assert await finished() == commands + hooks
            try:
                for pharmacy_id, wishes in sent.items():
                    await _check(connection, pharmacy_id, wishes)
            finally:
                await connection.close()


async def _check(connection: asyncpg.Connection, pharmacy_id: UUID, wishes: list[Wish]) -> None:
    operations = {
        row["id"]: row
        for row in await connection.fetch(
            "SELECT id, status, first_sequence, event_count FROM operations WHERE pharmacy_id = $1", pharmacy_id
        )
    }
    assert {operations[wish.operation_id]["status"] for wish in wishes} <= {"applied", "rejected"}

    events = await connection.fetch(
        "SELECT sequence, operation_id, body FROM events WHERE pharmacy_id = $1 ORDER BY sequence", pharmacy_id
    )
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    for event in events:
        body = orjson.loads(event["body"])
        assert body["sequence"] == event["sequence"]
        assert VALIDATORS[body["type"]].is_valid(body), next(VALIDATORS[body["type"]].iter_errors(body))
    assert sum(operation["event_count"] for operation in operations.values()) == len(events)

    # Order: what was sent first was applied first.
    ranges = [operations[wish.operation_id]["first_sequence"] for wish in wishes]
    numbered = [first for first in ranges if first is not None]
    assert numbered == sorted(numbered)

    items = await connection.fetch(
        "SELECT id, quantity, reserved FROM inventory_items WHERE pharmacy_id = $1", pharmacy_id
    )
    sums = await connection.fetch(
        "SELECT item_id, sum(delta)::int FROM stock_movements WHERE pharmacy_id = $1 GROUP BY item_id", pharmacy_id
    )
    ledger = {row[0]: row[1] for row in sums}
    applied = [wish for wish in wishes if operations[wish.operation_id]["status"] == "applied"]
    said = quantities_said(applied)
    held: dict[UUID, int] = defaultdict(int)
    for order in await connection.fetch("SELECT items FROM orders WHERE pharmacy_id = $1", pharmacy_id):
        for line in orjson.loads(order["items"]):
            if line["reserved"]:
                held[UUID(line["inventory_item"])] += line["reserved"]
    for item in items:
        assert item["quantity"] == ledger.get(item["id"], 0) == said[item["id"]]
        assert item["reserved"] == held[item["id"]] >= 0
