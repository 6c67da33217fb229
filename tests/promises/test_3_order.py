"""Promise 3: one pharmacy's writes take effect in the order in which they were sent, whichever process applies them."""

import asyncio
import random
import time
from collections.abc import Sequence
from functools import partial
from operator import le, lt
from pathlib import Path
from uuid import UUID

import asyncpg
import orjson

from hub import clock
from hub.messaging.topology import partition_of
from hub.settings import Settings
from tests.kit.door import TestDoor, open_test_door
from tests.kit.processes import Consumers
from tests.kit.wait import eventually
from tests.promises.histories import Wish
from tests.promises.outages import measured

COMMANDS = 6_000
PHARMACIES = 8
ROLLS = 4
DRAINED_SECONDS = 10.0


async def test_rolling_sigterms_under_a_backlog_keep_every_pharmacys_order(settings: Settings, data_dir: Path) -> None:
    """Two writers, ended in turns while 6,000 commands wait: order as sent, numbers 1 to N, each ends well in 10 s."""
    settings = settings.model_copy(update={"roles": ("writer",), "window_commands": 40, "partition_prefetch": 40})
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    pharmacies = [clock.new_id() for _ in range(PHARMACIES)]
    await connection.execute(
        "INSERT INTO pharmacies (id, created_at, updated_at, version, name, is_active, settings) "
        "SELECT id, now(), now(), 1, 'Corner', true, '{}' FROM unnest($1::uuid[]) AS id",
        pharmacies,
    )
    async with open_test_door(settings) as door:
        sent = dict(
            zip(pharmacies, await asyncio.gather(*(_send(door, settings, one) for one in pharmacies)), strict=True)
        )

    async def applied() -> int:
        found: int = await connection.fetchval("SELECT count(*) FROM operations WHERE status = 'applied'")
        return found

    writers = [Consumers(settings, data_dir / "writer-0.log")]
    try:
        await eventually(applied, bool, within=60)  # the first one holds every partition, the second stands by
        writers.append(Consumers(settings, data_dir / "writer-1.log"))
        for roll in range(ROLLS):
            # A process that was just started holds nothing: the one that is ended is the one at work.
            await eventually(applied, partial(le, 1 + COMMANDS * roll // (ROLLS + 1)), within=60)
            began = time.monotonic()
            assert await asyncio.to_thread(writers[roll % 2].stop) == 0
            seconds = time.monotonic() - began
            measured(f"SIGTERM {roll + 1} of a writer at {await applied()} of {COMMANDS} commands to its end", seconds)
            assert seconds < DRAINED_SECONDS
            done = await applied()
            assert done < COMMANDS
            writers[roll % 2].restart()
            # The other one may have been started a moment ago: until it has read its code nobody applies anything.
            began = time.monotonic()
            await eventually(applied, partial(lt, done), within=60)
            measured(f"SIGTERM {roll + 1} of a writer, its end to the next command applied", time.monotonic() - began)
        await eventually(applied, lambda found: found == COMMANDS, within=60)
        for pharmacy_id, operations in sent.items():
            await _assert_order(connection, pharmacy_id, operations)
    finally:
        await connection.close()
        for writer in writers:
            await asyncio.to_thread(writer.stop)


async def _send(door: TestDoor, settings: Settings, pharmacy_id: UUID) -> list[UUID]:
    chance = random.Random(pharmacy_id.int)
    partition = partition_of(pharmacy_id, settings.partitions)
    sent: list[UUID] = []
    while (left := COMMANDS // PHARMACIES - len(sent)) > 0:
        wishes = [
            Wish(
                clock.new_id(), pharmacy_id, clock.new_id(), "inventory.create",
                {"sku": f"S{len(sent) + number}", "name": "Aspirin", "quantity": 1, "price": "1.00"},
            )
            for number in range(min(left, chance.choice((1, 1, 2, 5))))
        ]  # fmt: skip
        await door.door.publisher.publish_batch(partition, [wish.envelope() for wish in wishes])
        sent.extend(wish.operation_id for wish in wishes)
    return sent


async def _assert_order(connection: asyncpg.Connection, pharmacy_id: UUID, sent: Sequence[UUID]) -> None:
    operations = await connection.fetch(
        "SELECT id, first_sequence FROM operations WHERE pharmacy_id = $1 ORDER BY first_sequence", pharmacy_id
    )
    assert [row["id"] for row in operations] == list(sent)
    assert [row["first_sequence"] for row in operations] == list(range(1, len(sent) + 1))
    events = await connection.fetch(
        "SELECT sequence, operation_id, body FROM events WHERE pharmacy_id = $1 ORDER BY sequence", pharmacy_id
    )
    assert [row["operation_id"] for row in events] == list(sent)
    assert [orjson.loads(row["body"])["sequence"] for row in events] == list(range(1, len(sent) + 1))
