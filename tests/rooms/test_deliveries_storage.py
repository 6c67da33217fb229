"""Two fan-outs, or one and a command that recovers, may make the same delivery at the same moment: it is made once."""

import asyncio
from uuid import UUID, uuid4

from hub import clock
from hub.domain.ids import derived_id
from hub.storage.database import Database, open_database
from hub.storage.webhooks import NewDelivery, add_deliveries

ROUNDS, EVENTS, SPREADERS = 60, 100, 4


async def test_deliveries_made_twice_at_once_are_there_once(database_url: str) -> None:
    pharmacy_id, endpoint_id = uuid4(), uuid4()

    async def add(database: Database, deliveries: list[NewDelivery]) -> None:
        async with database.transaction() as connection:
            await add_deliveries(connection, deliveries, clock.now())

    async with open_database(database_url, "hub_write", pool=SPREADERS) as database:
        for number in range(ROUNDS):
            deliveries = [_delivery(pharmacy_id, endpoint_id, number * EVENTS + each) for each in range(EVENTS)]
            await asyncio.gather(*(add(database, deliveries) for _ in range(SPREADERS)))
        async with database.connection() as connection:
            found = await connection.fetch("SELECT id FROM webhook_deliveries WHERE endpoint_id = $1", endpoint_id)
    assert len(found) == ROUNDS * EVENTS


def _delivery(pharmacy_id: UUID, endpoint_id: UUID, sequence: int) -> NewDelivery:
    event_id = uuid4()
    delivery_id = derived_id(endpoint_id, "delivery", event_id)
    return NewDelivery(delivery_id, pharmacy_id, endpoint_id, event_id, sequence, "sale.recorded", None)
