"""A backlog of 100,000 commands: worked off in order, while new writes go on."""

import time
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.connection import open_connection
from hub.messaging.topology import COMMANDS, partition_of
from hub.settings import Settings
from tests.kit.builders import an_item
from tests.kit.gateway import running_gateway
from tests.kit.processes import consumers_process
from tests.kit.wait import eventually
from tests.promises.outages import HUNG_SECONDS, clients_writing, counted

PHARMACIES, EACH = 16, 6_250
AT_LEAST_PER_SECOND = {1: 1_000, 10: 2_000}


def a_message(pharmacy: UUID, numbers: range) -> bytes:
    """Make a message with a command for each number, as a gateway does of what comes while its last one is under way."""
    return orjson.dumps([
        {
            "operation_id": str(uuid4()), "pharmacy_id": str(pharmacy), "resource_id": str(uuid4()), "type": "inventory.create",
            "accepted_at": "2026-11-24T12:00:00Z", "body": an_item(f"PZN{number:06d}"),
        }
        for number in numbers
    ])  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("together", AT_LEAST_PER_SECOND)
async def test_a_backlog_of_100_000_commands_is_worked_off_in_order_while_writes_go_on(
    settings: Settings, together: int
) -> None:
    settings = settings.model_copy(update={"roles": ("writer",), "rate_limit_per_second": 0.0, "rate_limit_burst": 0})
    async with running_gateway(settings) as stage:
        pharmacies = [(await stage.add_key()).pharmacy_id for _ in range(PHARMACIES)]
        async with open_connection(settings.amqp_urls, name="test") as connection:
            publisher = BulkPublisher(connection, confirm_seconds=60)
            for first in range(0, EACH, 250):
                await publisher.publish([
                    Outgoing(
                        COMMANDS, str(partition_of(pharmacy, settings.partitions)),
                        a_message(pharmacy, range(number, number + together)),
                    )
                    for number in range(first, first + 250, together)
                    for pharmacy in pharmacies
                ])  # fmt: skip
        database = await asyncpg.connect(settings.database_url.get_secret_value())

        async def applied() -> int:
            found: int = await database.fetchval(
                "SELECT coalesce(sum(last_sequence), 0)::int FROM event_sequences WHERE pharmacy_id = ANY($1::uuid[])",
                pharmacies,
            )
            return found

        try:
            with consumers_process(settings):
                await eventually(applied, lambda count: count > 0, within=30)
                began, early = time.monotonic(), await applied()
                async with clients_writing(stage, clients=2, pharmacies=2, pause_seconds=0.1) as clients:
                    await eventually(applied, lambda count: count == PHARMACIES * EACH, within=300)
                    seconds = time.monotonic() - began
            rate = (PHARMACIES * EACH - early) / seconds
            counted(f"a backlog of 100,000 commands, {together} to a message, applied per second", int(rate))
            unordered = await database.fetch(
                "SELECT 1 FROM events e JOIN operations o ON o.id = e.operation_id JOIN inventory_items i ON i.id = o.resource_id "
                "WHERE i.pharmacy_id = ANY($1::uuid[]) AND i.sku <> 'PZN' || lpad((e.sequence - 1)::text, 6, '0')",
                pharmacies,
            )
            assert unordered == []
            assert (
                await database.fetchval("SELECT count(*) FROM events WHERE pharmacy_id = ANY($1::uuid[])", pharmacies)
                == PHARMACIES * EACH
            )
        finally:
            await database.close()
    assert clients.written.refused == []
    assert clients.written.slowest_seconds < HUNG_SECONDS
    assert rate > AT_LEAST_PER_SECOND[together]
