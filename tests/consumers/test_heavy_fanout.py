"""One pharmacy with as many endpoints as it may have: what its log costs the fan-out is no other pharmacy's wait."""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from hub.domain.holdings import MOST
from hub.domain.webhook_filter import filter_faults
from hub.settings import Settings
from hub.storage.database import open_database
from hub.storage.events import StoredEvent, append, take_numbers
from tests.kit.builders import an_item
from tests.kit.door import open_test_door
from tests.kit.endpoints import ITEMS, Desk, Endpoint, open_desk
from tests.kit.processes import consumers_process
from tests.kit.wait import eventually
from tests.promises.outages import measured

NOWHERE = "https://192.0.2.1/hook"
WITHIN = 30.0
# Nearly as many looks as a filter may cost for an event of 500 lines, and none of them fits.
COSTLY = {"$or": [{"data.order.items.sku": {"$gt": 100_000 + number}} for number in range(9)]}
LINES = [{"sku": f"{number}.12", "quantity": 1} for number in range(500)]


@pytest.mark.timeout(180)
async def test_a_hundred_filters_on_long_orders_do_not_stop_the_fan_out(settings: Settings) -> None:
    assert not filter_faults(COSTLY)
    seconds, spread = await _neighbours_wait(settings, events=40, data={"order": {"items": LINES}}, event_filter=COSTLY)
    measured("a neighbour's event to its delivery beside 40 events of 500 lines and 100 filters", seconds)
    assert spread >= 1, "the log goes on"


@pytest.mark.timeout(180)
async def test_a_log_that_is_far_behind_is_spread_in_turn_with_the_others(settings: Settings) -> None:
    events = 3_000
    seconds, spread = await _neighbours_wait(settings, events=events, data={}, event_filter=None)
    measured("a neighbour's event to its delivery beside 300,000 deliveries to make", seconds)
    assert spread < events, "the neighbour waited for the end of another's log"


async def _neighbours_wait(
    settings: Settings, *, events: int, data: dict[str, Any], event_filter: dict[str, Any] | None
) -> tuple[float, int]:
    """Let a neighbour have an event once the fan-out is at a pharmacy's log; gives its wait, and how far the log was spread."""
    settings = settings.model_copy(update={"roles": ("writer", "fanout"), "partitions": 1})
    with consumers_process(settings):
        async with open_test_door(settings) as door, open_desk(settings) as desk:
            busy, neighbour = [await door.open_pharmacy() for _ in range(2)]
            ours = await desk.add(neighbour, NOWHERE, ITEMS)
            await door.send(neighbour, "inventory.create", an_item("first"))
            await eventually(lambda: desk.deliveries(ours), lambda rows: len(rows) == 1, within=30)
            theirs = [await desk.add(busy, NOWHERE, event_filter=event_filter) for _ in range(MOST)]
            await _log(settings, busy, events, data)
            await eventually(lambda: _is_at_work(desk), bool, within=30)
            began = time.monotonic()
            await door.send(neighbour, "inventory.create", an_item("second"))
            await eventually(lambda: desk.deliveries(ours), lambda rows: len(rows) == 2, within=WITHIN)
            seconds = time.monotonic() - began
            await eventually(lambda: _spread(desk, theirs[0]), bool, within=WITHIN)
            return seconds, await _spread(desk, theirs[0])


async def _log(settings: Settings, pharmacy_id: UUID, count: int, data: dict[str, Any]) -> None:
    body = orjson.dumps({"type": "order.placed", "data": data}).decode()
    now = datetime.now(UTC)
    url = settings.database_url.get_secret_value()
    async with open_database(url, "hub_write", pool=1) as database, database.transaction() as connection:
        first = (await take_numbers(connection, {pharmacy_id: count}))[pharmacy_id]
        await append(
            connection,
            [
                StoredEvent(uuid4(), pharmacy_id, sequence, "order.placed", uuid4(), now, body)
                for sequence in range(first, first + count)
            ],
        )


async def _is_at_work(desk: Desk) -> bool:
    """Tell whether a step of the fan-out is under way."""
    busy: bool = await desk.connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND xact_start IS NOT NULL AND (query LIKE '%webhook_endpoints%' OR query LIKE '%AS behind%' "
        "OR query LIKE 'INSERT INTO webhook_deliveries%'))"
    )
    return busy


async def _spread(desk: Desk, endpoint: Endpoint) -> int:
    """Say how far the log is spread to an endpoint."""
    sequence: int | None = await desk.connection.fetchval(
        "SELECT sequence FROM webhook_cursors WHERE endpoint_id = $1", endpoint.id
    )
    return sequence or 0
