"""Two fan-outs, or one and a command that recovers, may make the same delivery at the same moment: it is made once."""

import asyncio
from uuid import UUID, uuid4

from hub import clock
from hub.domain.ids import derived_id
from hub.storage.database import Database, open_database
from hub.storage.deliveries import load_due
from hub.storage.events import StoredEvent, append
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


async def test_of_long_events_an_endpoint_is_given_what_fits_and_the_first_of_them_at_least(database_url: str) -> None:
    pharmacy_id, slow, other = uuid4(), uuid4(), uuid4()
    deliveries = [_delivery(pharmacy_id, slow, sequence) for sequence in range(1, 6)]
    deliveries += [_delivery(pharmacy_id, other, sequence) for sequence in range(5, 7)]
    lengths = dict.fromkeys(range(1, 6), 1000) | {6: 10_000}
    ids = [one.id for one in deliveries]
    async with open_database(database_url, "hub_write", pool=1) as database, database.transaction() as connection:
        await append(connection, [_event(pharmacy_id, sequence, length) for sequence, length in lengths.items()])
        await add_deliveries(connection, deliveries, clock.now())
        loaded, rest = await load_due(connection, ids, 3_500)
        assert sorted((one.endpoint_id, one.event_sequence) for one in loaded) == sorted(
            [(slow, 1), (slow, 2), (slow, 3), (other, 5)]
        )
        assert all(len(one.body) == lengths[one.event_sequence] for one in loaded)
        assert sorted(rest) == sorted([(slow, ids[3]), (slow, ids[4]), (other, ids[6])])
        (whole,), rest = await load_due(connection, [ids[6]], 3_500)
        assert len(whole.body) == 10_000
        assert rest == []


def _event(pharmacy_id: UUID, sequence: int, length: int) -> StoredEvent:
    return StoredEvent(uuid4(), pharmacy_id, sequence, "sale.recorded", uuid4(), clock.now(), "x" * length)


def _delivery(pharmacy_id: UUID, endpoint_id: UUID, sequence: int) -> NewDelivery:
    event_id = uuid4()
    delivery_id = derived_id(endpoint_id, "delivery", event_id)
    return NewDelivery(delivery_id, pharmacy_id, endpoint_id, event_id, sequence, "sale.recorded", None)
