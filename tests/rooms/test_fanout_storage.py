"""The fan-out reads the logs that it spreads in steps of bounded size, and misses nothing of them."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from hub.storage.database import open_database
from hub.storage.events import StoredEvent, append
from hub.storage.paging import PAGE_BYTES
from hub.storage.webhooks import read_behind

LONG = 1_000_000
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def _event(pharmacy_id: UUID, sequence: int, length: int) -> StoredEvent:
    return StoredEvent(uuid4(), pharmacy_id, sequence, "sale.recorded", uuid4(), NOW, '{"t":"' + "x" * length + '"}')


@pytest.mark.parametrize("length", [LONG, PAGE_BYTES])
async def test_logs_with_long_events_are_read_in_steps_and_whole(database_url: str, length: int) -> None:
    ours = [uuid4() for _ in range(3)]
    async with open_database(database_url, "hub_write", pool=1) as database, database.transaction() as connection:
        await append(connection, [_event(one, sequence, length) for one in ours for sequence in range(1, 4)])
        after = dict.fromkeys(ours, 0)
        seen: list[tuple[UUID, int]] = []
        behind = set(ours)
        while behind:
            events, behind = await read_behind(connection, {one: after[one] for one in behind}, 500, with_bodies=True)
            assert events, "each step goes on"
            assert len(events) == 1 or sum(len(event.body or "") for event in events) <= PAGE_BYTES
            for event in events:
                assert event.body is not None
                assert event.sequence == after[event.pharmacy_id] + 1
                after[event.pharmacy_id] = event.sequence
                seen.append((event.pharmacy_id, event.sequence))
    assert sorted(seen) == sorted((one, sequence) for one in ours for sequence in range(1, 4))


async def test_what_nobody_looks_into_is_read_in_one_step_however_long(database_url: str) -> None:
    pharmacy_id = uuid4()
    async with open_database(database_url, "hub_write", pool=1) as database, database.transaction() as connection:
        await append(connection, [_event(pharmacy_id, sequence, LONG) for sequence in range(1, 7)])
        events, more = await read_behind(connection, {pharmacy_id: 0}, 500, with_bodies=False)
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6]
    assert all(event.body is None for event in events)
    assert more == set()
