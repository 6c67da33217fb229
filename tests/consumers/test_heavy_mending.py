"""Mending in sets: however many deliveries an endpoint has, what is asked about them keeps no other pharmacy waiting."""

import asyncio
import time
from uuid import UUID, uuid4

import orjson
import pytest

from consumers import applying
from hub.settings import Settings
from hub.storage import database, webhook_recovery
from tests.kit.builders import an_item
from tests.kit.consumers import running_consumers
from tests.kit.door import open_test_door
from tests.kit.endpoints import Desk, Endpoint, open_desk
from tests.kit.wait import eventually
from tests.promises.outages import measured

SINCE = "2026-01-01T00:00:00Z"
NOWHERE = "https://192.0.2.1/hook"
DELIVERIES, RECOVERIES, DELETED = 100_000, 100, 20
# As with many more deliveries under the limits as they are.
TRANSACTION_SECONDS, MENDING_SECONDS, ALL_MENDING_SECONDS = 1.5, 0.1, 0.2


@pytest.fixture(autouse=True)
def _limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_WRITE_SECONDS", TRANSACTION_SECONDS)
    monkeypatch.setattr(webhook_recovery, "MENDING_SECONDS", MENDING_SECONDS)
    monkeypatch.setattr(applying, "_MENDING_SECONDS", ALL_MENDING_SECONDS)


@pytest.mark.timeout(180)
async def test_an_endpoint_with_a_long_backlog_can_be_deleted_and_its_deliveries_end(settings: Settings) -> None:
    settings = settings.model_copy(update={"roles": ("writer", "janitor"), "janitor_seconds": 0.5, "partitions": 1})
    async with running_consumers(settings), open_test_door(settings) as door, open_desk(settings) as desk:
        theirs, ours = [await door.open_pharmacy() for _ in range(2)]
        endpoint = await desk.add(theirs, NOWHERE)
        await _add_pending(desk, theirs, endpoint)
        began = time.monotonic()
        outcome = await door.send(theirs, "webhook_endpoint.delete", {}, resource_id=endpoint.id)
        assert outcome["status"] == "applied", outcome
        assert (await door.send(ours, "inventory.create", an_item()))["status"] == "applied"
        measured("an endpoint with 100,000 deliveries deleted, and a neighbour's write", time.monotonic() - began)
        await eventually(lambda: _statuses(desk, endpoint), lambda seen: seen == {"cancelled"}, within=90)


@pytest.mark.timeout(180)
async def test_many_endpoints_with_long_backlogs_can_be_deleted_at_once(settings: Settings) -> None:
    settings = settings.model_copy(update={"roles": ("writer", "janitor"), "janitor_seconds": 0.5, "partitions": 1})
    async with running_consumers(settings), open_test_door(settings) as door, open_desk(settings) as desk:
        theirs, ours = [await door.open_pharmacy() for _ in range(2)]
        endpoints = [await desk.add(theirs, NOWHERE) for _ in range(DELETED)]
        for endpoint in endpoints:
            await _add_pending(desk, theirs, endpoint, DELIVERIES // 25)
        began = time.monotonic()
        await asyncio.gather(*(door.publish(0, _deletion(theirs, one.id)) for one in endpoints))
        assert (await door.send(ours, "inventory.create", an_item()))["status"] == "applied"
        measured(
            f"{DELETED} endpoints with backlogs deleted at once, and a neighbour's write", time.monotonic() - began
        )
        for endpoint in endpoints:
            await eventually(lambda: _statuses(desk, endpoint), lambda seen: seen == {"cancelled"}, within=90)  # noqa: B023


@pytest.mark.timeout(180)
async def test_a_recovery_of_too_many_is_refused_with_what_to_do(settings: Settings) -> None:
    settings = settings.model_copy(update={"roles": ("writer",), "partitions": 1})
    async with running_consumers(settings), open_test_door(settings) as door, open_desk(settings) as desk:
        theirs, ours = [await door.open_pharmacy() for _ in range(2)]
        endpoint = await desk.add(theirs, NOWHERE)
        await _add_pending(desk, theirs, endpoint)
        outcome = await door.send(theirs, "webhook_endpoint.recover", {"since": SINCE}, resource_id=endpoint.id)
        assert outcome["status"] == "rejected", outcome
        assert outcome["problem"]["errors"][0]["code"] == "too-many"
        assert (await door.send(ours, "inventory.create", an_item()))["status"] == "applied"
        assert await _statuses(desk, endpoint) == {"pending"}


@pytest.mark.timeout(180)
async def test_a_window_of_recoveries_ends_and_the_neighbour_is_served(settings: Settings) -> None:
    settings = settings.model_copy(update={"roles": ("writer",), "partitions": 1})
    async with running_consumers(settings), open_test_door(settings) as door, open_desk(settings) as desk:
        theirs, ours = [await door.open_pharmacy() for _ in range(2)]
        endpoint = await desk.add(theirs, NOWHERE)
        await _add_pending(desk, theirs, endpoint)
        began = time.monotonic()
        await asyncio.gather(*(door.publish(0, _recovery(theirs, endpoint.id)) for _ in range(RECOVERIES)))
        assert (await door.send(ours, "inventory.create", an_item()))["status"] == "applied"
        measured("a neighbour's write behind 100 recoveries of one list", time.monotonic() - began)
        slugs = await desk.connection.fetch(
            "SELECT problem->>'type' AS type, count(*) AS count FROM operations WHERE type = 'webhook_endpoint.recover' GROUP BY 1"
        )
        told = {record["type"]: record["count"] for record in slugs}
        assert sum(told.values()) == RECOVERIES, told
        assert set(told) == {"/problems/validation", "/problems/too-many-requests"}, told


def _recovery(pharmacy_id: UUID, endpoint_id: UUID) -> bytes:
    return orjson.dumps({
        "operation_id": str(uuid4()), "pharmacy_id": str(pharmacy_id), "resource_id": str(endpoint_id),
        "type": "webhook_endpoint.recover", "accepted_at": "2026-11-24T12:00:00Z", "body": {"since": SINCE},
    })  # fmt: skip


def _deletion(pharmacy_id: UUID, endpoint_id: UUID) -> bytes:
    return orjson.dumps({
        "operation_id": str(uuid4()), "pharmacy_id": str(pharmacy_id), "resource_id": str(endpoint_id),
        "type": "webhook_endpoint.delete", "accepted_at": "2026-11-24T12:00:00Z", "body": {},
    })  # fmt: skip


async def _add_pending(desk: Desk, pharmacy_id: UUID, endpoint: Endpoint, count: int = DELIVERIES) -> None:
    """Add deliveries that are tried again in an hour; their event is the one that made the pharmacy."""
    await desk.connection.execute(
        "INSERT INTO webhook_deliveries (id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type, status, attempts, "
        "next_attempt_at, created_at, updated_at) SELECT gen_random_uuid(), $1, $2, gen_random_uuid(), 1, 'sale.recorded', "
        "'pending', 1, now() + interval '1 hour', now(), now() FROM generate_series(1, $3::int8)",
        pharmacy_id,
        endpoint.id,
        count,
    )


async def _statuses(desk: Desk, endpoint: Endpoint) -> set[str]:
    records = await desk.connection.fetch(
        "SELECT DISTINCT status FROM webhook_deliveries WHERE endpoint_id = $1", endpoint.id
    )
    return {record[0] for record in records}
