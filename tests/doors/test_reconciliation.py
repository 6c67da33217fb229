"""Reconciliation: the figures of a day are exactly what was done on it, each pharmacy its own."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.kit.buggy import a_bug
from tests.kit.consumers import running_consumers
from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.wait import eventually

WAIT = {"Prefer": "wait=15"}
PLACE = "/api/reconciliation/"


@pytest.fixture(scope="module")
async def hub(live: GatewayStage) -> AsyncIterator[GatewayStage]:
    async with running_consumers(live.settings.model_copy(update={"janitor_seconds": 3600})):
        yield live


async def _figures(hub: GatewayStage, headers: dict[str, str], day: str = "") -> dict[str, Any]:
    answer = await hub.client.get(PLACE, headers=headers, params={"day": day} if day else {})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _item(hub: GatewayStage, key: TestKey, sku: str) -> int:
    body = {"sku": sku, "name": "Aspirin", "price": "1.00"}
    answer = await hub.client.post("/api/inventory/", json=body, headers=key.headers | WAIT)
    return answer.status_code


async def _deliveries(hub: GatewayStage, pharmacy_id: UUID, created: datetime, **states: int) -> None:
    async with hub.writes.transaction() as connection:
        for status, count in states.items():
            for _ in range(count):
                await connection.execute(
                    "INSERT INTO webhook_deliveries (id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type, status, "
                    "attempts, created_at, updated_at) VALUES ($1, $2, $1, $1, 1, 'sale.recorded', $3, 0, $4, $4)",
                    uuid4(),
                    pharmacy_id,
                    status,
                    created,
                )


async def test_a_day_in_figures_is_what_was_done_on_it(hub: GatewayStage, monkeypatch: pytest.MonkeyPatch) -> None:
    key, other = await hub.add_key(), await hub.add_key()
    now = datetime.now(UTC)
    assert [await _item(hub, key, sku) for sku in ("A", "B", "A", "C")] == [201, 201, 409, 201]
    assert await _item(hub, other, "A") == 201
    with a_bug(monkeypatch):
        assert [await _item(hub, key, f"BUG-{index}") for index in range(2)] == [500, 500]
    await _deliveries(hub, key.pharmacy_id, now, delivered=3, pending=2, exhausted=1)
    await _deliveries(hub, key.pharmacy_id, now - timedelta(days=1), delivered=5)
    await _deliveries(hub, other.pharmacy_id, now, skipped=7)
    figures = await _figures(hub, key.headers)
    assert figures == {
        "day": f"{now:%Y-%m-%d}",
        "pharmacy_id": str(key.pharmacy_id),
        "accepted": 6,
        "applied": 3,
        "rejected": 1,
        "parked": 2,
        "pending": 0,
        "events": 3,
        "deliveries": {"pending": 2, "delivered": 3, "failed": 0, "exhausted": 1, "cancelled": 0, "skipped": 0},
    }
    yesterday = await _figures(hub, key.headers, f"{now - timedelta(days=1):%Y-%m-%d}")
    assert (yesterday["accepted"], yesterday["events"], yesterday["deliveries"]["delivered"]) == (0, 0, 5)


async def test_the_day_begins_and_ends_at_midnight_utc(hub: GatewayStage) -> None:
    key = await hub.add_key()
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    for at in (
        begin - timedelta(microseconds=1),
        begin,
        begin + timedelta(days=1, microseconds=-1),
        begin + timedelta(days=1),
    ):
        await _deliveries(hub, key.pharmacy_id, at, delivered=1)
        async with hub.writes.transaction() as connection:
            await connection.execute(
                "INSERT INTO operations (id, pharmacy_id, type, status, fingerprint, resource_type, accepted_at, finished_at, "
                "event_count, actor, door) VALUES ($1, $2, 'x', 'applied', '', '', $3, $4, 0, '', '')",
                uuid4(),
                key.pharmacy_id,
                at,
                at + timedelta(days=3),  # accepted is what counts, however late it was applied
            )
    figures = await _figures(hub, key.headers, "2026-03-01")
    assert (figures["accepted"], figures["deliveries"]["delivered"]) == (2, 2)


async def test_a_replayed_command_is_pending_and_counts_as_accepted(hub: GatewayStage) -> None:
    key = await hub.add_key()
    at = datetime(2026, 4, 1, 12, tzinfo=UTC)
    async with hub.writes.transaction() as connection:
        await connection.execute(
            "INSERT INTO operations (id, pharmacy_id, type, status, fingerprint, resource_type, accepted_at, finished_at, "
            "event_count, actor, door) VALUES ($1, $2, 'x', 'pending', '', '', $3, $3, 0, '', '')",
            uuid4(),
            key.pharmacy_id,
            at,
        )
    figures = await _figures(hub, key.headers, "2026-04-01")
    assert (figures["accepted"], figures["pending"]) == (1, 1)


async def test_an_operator_sees_any_pharmacy_and_all_of_them(hub: GatewayStage) -> None:
    key, operator = await hub.add_key(), {"X-API-KEY": await hub.add_operator_key()}
    assert await _item(hub, key, "A") == 201
    assert await _item(hub, await hub.add_key(), "A") == 201
    named = await _figures(hub, operator | {"X-Pharmacy-Id": str(key.pharmacy_id)})
    assert named == await _figures(hub, key.headers)
    everybody = await _figures(hub, operator)
    assert everybody["pharmacy_id"] is None
    assert everybody["accepted"] > named["accepted"] == 1
    stranger = await hub.client.get(PLACE, headers=key.headers | {"X-Pharmacy-Id": str(uuid4())})
    assert stranger.status_code == 404


@pytest.mark.parametrize(
    "day", ["", "today", "2026-02-30", "2026-1-1", "20260101", "2026-01-01T00:00:00Z", "0000-01-01", "٢٠٢٦-٠١-٠١"]
)
async def test_what_is_no_day_is_named(hub: GatewayStage, day: str) -> None:
    key = await hub.add_key()
    answer = await hub.client.get(PLACE, headers=key.headers, params={"day": day})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "?day")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2024-02-29"])
async def test_every_day_of_the_calendar_is_answered(hub: GatewayStage, day: str) -> None:
    key = await hub.add_key()
    assert (await _figures(hub, key.headers, day))["day"] == day


async def test_reading_waits_for_nothing_of_the_broker(hub: GatewayStage) -> None:
    key = await hub.add_key()
    await eventually(lambda: _figures(hub, key.headers), lambda figures: figures["accepted"] == 0)
